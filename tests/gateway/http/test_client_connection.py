"""Clients that speak older or odder HTTP."""

import asyncio

import pytest
from gatewaylab.model_server import Call, ModelServer, until
from gatewaylab.running import Running, get, post
from gatewaylab.speeches import CHAT

CLOSE = "Connection: close"


async def test_an_upload_that_asks_first_is_told_to_go_on(
    gateway: Running, model_server: ModelServer
) -> None:
    request = post("/v1/completions", b'{"model":"tiny"}', "Expect: 100-continue", CLOSE)
    head, body = request[:-16], request[-16:]
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(head)

    first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
    writer.write(body)
    rest = await asyncio.wait_for(reader.read(-1), 2)
    writer.close()
    await writer.wait_closed()

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert "expect" not in (await model_server.called()).headers


@pytest.mark.parametrize("keep", ["Connection: close", "Connection: keep-alive"])
async def test_http_1_0_gets_a_stream_without_chunks_that_ends_with_the_connection(
    gateway: Running, model_server: ModelServer, keep: str
) -> None:
    body = b'{"stream":true}'
    request = post(CHAT.path, body, keep, "Expect: 100-continue", version="1.0")

    async with gateway.visitor(request) as reader:
        said = await asyncio.wait_for(reader.read(-1), 2)

    head, _, stream = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert stream.startswith(b"data: {")
    assert stream.endswith(b"data: [DONE]\n\n")
    await gateway.at_rest()


async def test_http_1_0_is_told_of_a_stream_that_broke_off(
    gateway: Running, model_server: ModelServer
) -> None:
    async def breaks_off(call: Call) -> None:
        call.start_stream()
        call.event("one")
        call.writer.close()

    model_server.on[CHAT.path] = breaks_off

    async with gateway.visitor(post(CHAT.path, b'{"stream":true}', version="1.0")) as reader:
        said = await asyncio.wait_for(reader.read(-1), 2)

    assert b'"code":"backend_lost"' in said
    assert said.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("path", ["/v1/models", CHAT.path, "/v1/models/tiny"])
async def test_head_has_no_body_and_leaves_the_connection_in_order(
    gateway: Running, path: str
) -> None:
    said = await gateway.raw(get(path, method="HEAD"))

    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert body == b""


async def test_a_client_that_offers_to_upgrade_is_answered_in_http_1_1(
    gateway: Running, model_server: ModelServer
) -> None:
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    request = post("/v1/completions", b'{"model":"tiny"}', *upgrade)

    async with gateway.visitor(request) as reader:
        first = await asyncio.wait_for(reader.readuntil(b'"text_completion"'), 2)

    assert first.startswith(b"HTTP/1.1 200 ")
    await until(lambda: len(model_server.inference()) == 1)
    await gateway.at_rest()


@pytest.mark.parametrize("target", ["169.254.169.254:80", "/v1/models", "/nowhere"])
async def test_nobody_gets_a_tunnel(
    gateway: Running, model_server: ModelServer, target: str
) -> None:
    said = await gateway.raw(get(target, method="CONNECT") + get("/version"))

    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"\r\n\r\n") == 1
    assert model_server.inference() == []


async def test_an_offer_of_a_websocket_is_passed_over_and_the_next_request_is_answered(
    gateway: Running,
) -> None:
    offer = get("/health", "Connection: keep-alive, Upgrade", "Upgrade: websocket")

    said = await gateway.raw(offer + get("/v1/models", "Connection: close"))

    assert said.count(b"HTTP/1.1 200 ") == 2
