"""A client's idle connection is kept for as long as the settings say, whatever it asked for."""

import asyncio

import pytest
from gatewaylab.running import Running, Start, get, post
from gatewaylab.speeches import CHAT

REQUESTS = {
    "inference": post(CHAT.path, CHAT.body(stream=True)),
    "a list": get("/v1/models"),
    "a refusal": post(CHAT.path, b"[]"),
}


@pytest.fixture
async def kept(start: Start) -> Running:
    return await start(idle_seconds=300.0)


@pytest.mark.parametrize("name", REQUESTS)
async def test_an_idle_connection_is_kept_until_then_and_closed_after(
    kept: Running, name: str
) -> None:
    async with kept.visitor(REQUESTS[name]) as reader:
        assert await reader.readline()
        await kept.idle()
        [connection] = kept.connections()
        now = asyncio.get_running_loop().time()

        connection.sweep(now + 299)
        kept_open = not connection.transport.is_closing()
        connection.sweep(now + 302)

        assert kept_open
        assert connection.transport.is_closing()


async def test_a_connection_that_is_used_again_is_idle_from_then_on(kept: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", kept.port)
    writer.write(REQUESTS["a list"])
    await reader.readuntil(b"}]}")
    [connection] = kept.connections()
    connection._idle_since -= 299
    writer.write(REQUESTS["a list"])
    await reader.readuntil(b"}]}")

    connection.sweep(asyncio.get_running_loop().time() + 10)

    assert not connection.transport.is_closing()
    writer.close()


async def test_pages_keep_their_connections_as_long(kept: Running) -> None:
    assert kept.server.config.timeout_keep_alive == 300
