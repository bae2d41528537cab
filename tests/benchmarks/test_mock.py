import http.client
import json
import socket

from benchlab import CHAT, ask, events, stream

from benchmarks.runs import mock


def test_a_stream_has_the_chunks_it_was_asked_for(mock_port):
    _, answer = ask(mock_port, stream(3))

    told = events(answer)
    contents = [event["choices"][0]["delta"]["content"] for event in told]
    assert [content.count("@") for content in contents] == [0, 2, 2, 2, 0]
    assert told[-1]["choices"][0]["finish_reason"] == "stop"


def test_usage_is_told_to_those_who_ask(mock_port):
    _, silent = ask(mock_port, stream(3))
    _, telling = ask(mock_port, stream(3, stream_options={"include_usage": True}))

    assert b"usage" not in silent
    assert events(telling)[-1]["usage"]["completion_tokens"] == 3
    assert mock.counters(mock_port)["mock_usage_chunks_total"] == 1


def test_a_plain_answer_is_a_whole_document(mock_port):
    response, answer = ask(mock_port, {"messages": [], "max_tokens": 7})

    document = json.loads(answer)
    assert document["usage"]["completion_tokens"] == 7
    assert 800 < len(answer) < 1200
    assert response.headers["content-type"] == "application/json"


def test_an_embedding_has_the_dimensions_it_was_asked_for(mock_port):
    _, answer = ask(mock_port, {"input": "x" * 200_000, "dimensions": 12}, "/v1/embeddings")

    assert len(json.loads(answer)["data"][0]["embedding"]) == 12


def test_a_body_in_pieces_is_put_together(mock_port):
    connection = http.client.HTTPConnection("127.0.0.1", mock_port, timeout=10)
    whole = json.dumps({"messages": [], "max_tokens": 1234}).encode()
    connection.request("POST", CHAT, (bytes([byte]) for byte in whole), encode_chunked=True)

    with connection.getresponse() as response:
        usage = json.loads(response.read())["usage"]
    connection.close()

    assert usage["completion_tokens"] == 1234


def test_whoever_asks_for_a_close_is_told_that_it_comes(mock_port):
    for body in (stream(2), {"messages": []}):
        response, _ = ask(mock_port, body, CHAT, Connection="close")
        assert response.headers["connection"] == "close"


def begin_a_long_stream(client):
    body = json.dumps(stream(1000, microseconds=10_000))
    client.sendall(f"POST {CHAT} HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
    assert client.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_stream_that_its_client_leaves_is_counted_as_aborted(mock_port):
    with socket.create_connection(("127.0.0.1", mock_port), timeout=10) as client:
        begin_a_long_stream(client)
        assert mock.counters(mock_port)["vllm:num_requests_running"] == 1

    assert mock.left_running(mock_port) == 0
    assert mock.counters(mock_port)["mock_aborted_total"] == 1


def test_a_stream_that_a_target_still_holds_is_left_running(mock_port, monkeypatch):
    monkeypatch.setattr(mock, "_ENDS_WITHIN_SECONDS", 0)

    with socket.create_connection(("127.0.0.1", mock_port), timeout=10) as client:
        begin_a_long_stream(client)

        assert mock.left_running(mock_port) == 1


def test_an_unknown_path_is_not_found(mock_port):
    response, _ = ask(mock_port, {}, "/v1/nothing")

    assert response.status == 404
