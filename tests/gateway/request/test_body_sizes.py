"""Bodies that are too large or do not come, and what is no request at all."""

import json
from collections.abc import AsyncIterator

import pytest
from gatewaylab.model_server import ModelServer
from gatewaylab.running import KEY, Running, Start, post

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(start: Start) -> None:
    gateway = await start(max_body=1000)
    request = post(CHAT, b"x" * 1001, "Expect: 100-continue")

    answer = await gateway.raw(request[:-1001])

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"request_too_large"' in answer


async def test_a_body_that_turns_out_too_large_is_refused(
    start: Start, model_server: ModelServer
) -> None:
    gateway = await start(max_body=1000)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100

    answer = await gateway.client.post(CHAT, content=parts(), headers=JSON)

    assert answer.status_code == 413
    assert model_server.inference() == []


async def test_a_body_of_exactly_the_limit_is_taken(start: Start) -> None:
    gateway = await start(max_body=1000)

    answer = await gateway.client.post(CHAT, content=b"{}".ljust(1000), headers=JSON)

    assert answer.status_code == 200


async def test_a_body_that_does_not_come_is_a_408(start: Start) -> None:
    gateway = await start(upload_grace_seconds=0.1)

    answer = await gateway.raw(post(CHAT, b"{}")[:-1])

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert b"1024 bytes per second" in answer
    await gateway.idle()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/models\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nBad Header: 1\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 7, 7\r\n\r\n{}     ",
        b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_not_clearly_one_http_request_is_a_400_in_our_shape(
    gateway: Running, model_server: ModelServer, request_bytes: bytes
) -> None:
    answer = await gateway.raw(request_bytes)

    head, _, said = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(said)["error"]["code"] == "invalid_request"
    assert model_server.inference() == []


async def test_a_request_line_with_another_machines_address_goes_to_our_model_server(
    gateway: Running, model_server: ModelServer
) -> None:
    head = ["GET http://169.254.169.254/version HTTP/1.1", "Host: x"]
    head += [f"Authorization: Bearer {KEY}", "", ""]

    answer = await gateway.raw("\r\n".join(head).encode())

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [call.path for call in model_server.inference()] == ["/version"]


@pytest.mark.parametrize(
    ("path", "key", "status"), [(CHAT, KEY, 400), (CHAT, "sk-x", 401), ("/health", KEY, 405)]
)
async def test_a_body_in_chunks_of_a_few_bytes_ends_its_connection(
    gateway: Running, path: str, key: str, status: int
) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    answer = await gateway.raw(head.encode() + b"1\r\n \r\n" * 200_000)
    await gateway.idle()

    # a client that goes on sending may not read the answer any more
    assert [line.split()[1] for line in answer.splitlines() if line.startswith(b"HTTP/")] in (
        [str(status).encode()],
        [],
    )
    assert gateway.gateway.services.body_memory.size == 0
    assert gateway.connections() == []
