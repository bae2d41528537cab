"""A client that reads slowly slows its model server down; it does not fill this process."""

import asyncio

import pytest
from gateway.http import client_connection
from gatewaylab.model_server import Call, ModelServer, closed, sse, until
from gatewaylab.running import Running, post
from gatewaylab.speeches import CHAT

EVENT = sse("x" * 8000)
EVENTS = 4000  # 32 MB, far more than all sockets on the way hold
HELD_BYTES = 1_000_000


async def flood(call: Call) -> None:
    call.start_stream()
    for _ in range(EVENTS):
        call.chunk(EVENT)
        await call.writer.drain()
    call.chunk(CHAT.end)
    call.write(b"0\r\n\r\n")


async def slow_client(
    gateway: Running, *requests: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
    writer.write(b"".join(requests))
    return reader, writer


def held(gateway: Running) -> int:
    """Return the bytes that wait in this process for clients to read."""
    return sum(one.transport.get_write_buffer_size() for one in gateway.connections())


async def settled(gateway: Running) -> int:
    """Return what is held once it does not grow any more."""
    before = -1
    while before != (now := held(gateway)) or not now:
        before = now
        await asyncio.sleep(0.3)
    return now


async def test_a_slow_reader_holds_the_model_server_back_and_gets_every_byte(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on[CHAT.path] = flood
    ask = post(CHAT.path, CHAT.body(stream=True), "Connection: close")
    reader, writer = await slow_client(gateway, ask)

    most = await settled(gateway)
    said = await reader.read(-1)
    await closed(writer)

    print(f"held at most {most} bytes of {len(said)}")  # noqa: T201 -- the measurement
    assert most < HELD_BYTES
    assert said.count(EVENT) == EVENTS
    assert b"data: [DONE]" in said[-100:]
    await gateway.at_rest()


async def test_a_stream_behind_an_unread_answer_is_held_back_from_its_start(
    gateway: Running, model_server: ModelServer
) -> None:
    async def large(call: Call) -> None:
        call.reply(b"{" + b" " * 8_000_000 + b"}")

    model_server.on["/tokenize"] = large
    model_server.on[CHAT.path] = flood
    reader, writer = await slow_client(
        gateway,
        post("/tokenize", b"{}"),
        post(CHAT.path, CHAT.body(stream=True), "Connection: close"),
    )

    most = await settled(gateway)
    said = await reader.read(-1)
    await closed(writer)

    assert most < 8_000_000 + HELD_BYTES
    assert said.count(EVENT) == EVENTS
    await gateway.at_rest()


async def test_a_slow_reader_that_leaves_frees_the_model_server(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on[CHAT.path] = flood
    async with gateway.visitor(post(CHAT.path, CHAT.body(stream=True))) as reader:
        await reader.readuntil(b"xxx")
        await settled(gateway)

    await asyncio.wait_for((await model_server.called()).aborted.wait(), 2)
    await gateway.at_rest()


async def test_a_connection_that_a_slow_client_used_serves_the_next_one(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on[CHAT.path] = flood
    for _ in range(3):
        reader, writer = await slow_client(gateway, post(CHAT.path, CHAT.body(stream=True)))
        await asyncio.sleep(0.1)
        while not (await reader.read(65536)).endswith(b"0\r\n\r\n"):
            pass
        await closed(writer)
        assert (await gateway.client.post("/v1/completions", json={})).status_code == 200

    assert not gateway.gateway.routing.backends[0].failures


async def test_an_answer_that_nobody_reads_is_given_up(
    gateway: Running, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_connection, "UNREAD_SECONDS", 1.0)

    async def large(call: Call) -> None:
        call.reply(b"{" + b" " * 16_000_000 + b"}")

    model_server.on["/tokenize"] = large
    _, writer = await slow_client(gateway, post("/tokenize", b"{}"))

    async with asyncio.timeout(6):
        await settled(gateway)
        await until(lambda: not gateway.connections())
    await closed(writer)

    await gateway.at_rest()


async def test_a_client_that_reads_slowly_but_reads_is_not_given_up(
    gateway: Running, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_connection, "UNREAD_SECONDS", 1.5)
    size = 40_000_000

    async def large(call: Call) -> None:
        call.reply(b"{" + b" " * size + b"}")

    model_server.on["/tokenize"] = large
    reader, writer = await slow_client(gateway, post("/tokenize", b"{}", "Connection: close"))

    said = 0
    while more := await reader.read(size // 20):
        said += len(more)
        if said < size * 9 // 10:
            await asyncio.sleep(0.02)
    await closed(writer)

    assert said > size


async def test_an_idle_connection_holds_nothing_of_the_request_before(
    gateway: Running, model_server: ModelServer
) -> None:
    body = b'{"x":"' + b"y" * 4_000_000 + b'"}'
    async with gateway.visitor(post("/v1/embeddings", body)) as reader:
        await reader.readuntil(b'"usage"')
        await gateway.at_rest()
        (connection,) = gateway.connections()
        exchange = connection.cycle

        assert exchange.is_done
        assert (exchange._body, exchange._reader) == (None, None)
        assert not exchange._upload._pieces
        assert exchange._dispatch is None
