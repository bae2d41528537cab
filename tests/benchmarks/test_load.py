import socket
import threading
from contextlib import contextmanager

from benchlab import CHAT, ask, generate, stream

from benchmarks.runs import mock
from benchmarks.system.processes import free_port


def test_mock_and_generator_count_the_same_requests(built, mock_port, tmp_path):
    told = generate(built, tmp_path, mock_port, {"messages": []}, connections=4)

    assert told["ok"] == told["requests"] == told["statuses"]["200"] > 100
    assert told["connects"] == 4
    # Beside them the mock was asked for its counters: by the fixture, and here.
    assert mock.counters(mock_port)["mock_requests_total"] == told["requests"] + 2


def test_every_chunk_of_every_stream_arrives(built, mock_port, tmp_path):
    told = generate(built, tmp_path, mock_port, stream(20), connections=4, marks=20)

    assert told["ok"] == told["requests"] > 10
    assert told["marks"] == told["ok"] * 20
    assert told["marks"] == mock.counters(mock_port)["mock_chunks_total"]
    assert sum(told["errors"].values()) == 0


def test_chunks_are_as_far_apart_as_asked_and_tell_their_transit(built, mock_port, tmp_path):
    slow = stream(10, microseconds=20_000)

    told = generate(built, tmp_path, mock_port, slow, connections=2, marks=10, ramp=0.1)

    assert 200_000 * 0.98 < told["latency_us"]["p50"] < 2_000_000
    assert 20_000 * 0.98 < told["first_us"]["p50"] < 200_000
    assert 0 < told["transit_us"]["p50"] < 20_000


def test_a_stream_that_is_short_of_a_chunk_is_an_error(built, mock_port, tmp_path):
    told = generate(built, tmp_path, mock_port, stream(19), marks=20)

    assert told["ok"] == 0
    assert told["errors"]["incomplete"] == told["requests"] > 0


def test_a_refusal_is_an_error(built, mock_port, tmp_path):
    told = generate(built, tmp_path, mock_port, {}, path="/v1/nothing")

    assert told["ok"] == 0
    assert told["errors"]["refused"] == told["statuses"]["404"] == told["requests"]


def test_a_dead_server_is_an_error_and_no_hang(built, tmp_path):
    told = generate(built, tmp_path, free_port(), {"messages": []})

    assert told["ok"] == 0
    assert told["errors"]["lost"] == told["requests"] > 0


def test_what_never_ends_is_given_up(built, mock_port, tmp_path):
    endless = stream(1000, microseconds=50_000)

    told = generate(built, tmp_path, mock_port, endless, connections=3, marks=1000, patience=0.1)

    assert told["errors"]["unfinished"] == 3


def test_an_answer_in_single_bytes_is_the_same_answer(built, mock_port, tmp_path):
    response, body = ask(mock_port, stream(5))
    assert response.status == 200
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:77], body[77:]))
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        + pieces
        + b"0\r\n\r\n"
    )

    with _answering_byte_by_byte(answer) as port:
        told = generate(built, tmp_path, port, stream(5), path=CHAT, marks=5, seconds=0.01)

    assert told["ok"] == told["requests"] >= 1
    assert told["marks"] == 5 * told["ok"]
    assert told["bytes"] == len(answer) * told["ok"]


@contextmanager
def _answering_byte_by_byte(answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_drip, args=(listener, answer), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _drip(listener, answer):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            client.recv(65536)
            for byte in answer:
                client.sendall(bytes([byte]))
