"""Where a comment may stand in a stream, and where not."""

import asyncio
from contextlib import suppress

from gatewaylab.model_server import Call, ModelServer, sse
from gatewaylab.running import Running, Start, post
from gatewaylab.speeches import CHAT, asked

PING = b": ping\n\n"


async def test_a_comment_never_tears_an_event(gateway: Running, model_server: ModelServer) -> None:
    event = sse("a long word")
    large = sse("x" * 1_200_000)  # beyond what is held back for an event

    async def torn(call: Call) -> None:
        call.start_stream()
        for one in (event, large):
            call.chunk(one[: len(one) * 9 // 10])
            await call.writer.drain()
            await asyncio.sleep(0.3)
            call.chunk(one[len(one) * 9 // 10 :])
        await asyncio.sleep(0.25)
        call.chunk(CHAT.end)
        call.write(b"0\r\n\r\n")

    model_server.on[CHAT.path] = torn

    _, said = await asked(gateway)

    assert said.replace(PING, b"") == event + large + CHAT.end
    assert event in said
    assert large in said
    assert PING in said


async def test_a_stream_that_flows_gets_no_comments(
    gateway: Running, model_server: ModelServer
) -> None:
    async def flowing(call: Call) -> None:
        call.start_stream()
        for _ in range(30):
            call.chunk(CHAT.word)
            await call.writer.drain()
            await asyncio.sleep(0.02)
        call.chunk(CHAT.end)
        call.write(b"0\r\n\r\n")

    model_server.on[CHAT.path] = flowing

    assert await asked(gateway, every="0.3") == (200, CHAT.word * 30 + CHAT.end)


async def test_no_comment_follows_the_last_event(
    gateway: Running, model_server: ModelServer
) -> None:
    async def lingering(call: Call) -> None:
        call.start_stream()
        call.chunk(CHAT.end)
        await call.silence()

    model_server.on[CHAT.path] = lingering

    assert await asked(gateway) == (200, CHAT.end)


async def test_comments_do_not_stretch_a_budget(start: Start, model_server: ModelServer) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    model_server.on[CHAT.path] = silence
    gateway = await start(default_timeout=0.4)

    _, said = await asked(gateway)

    assert said.startswith(PING)
    assert b'"code":"timeout"' in said
    await gateway.at_rest()


async def test_a_client_that_leaves_between_comments_frees_the_model_server(
    gateway: Running, model_server: ModelServer
) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    model_server.on[CHAT.path] = silence
    request = post(CHAT.path, CHAT.body(stream=True), "x-stream-keepalive: 0.1")

    async with gateway.visitor(request) as reader:
        await reader.readuntil(PING)
    with suppress(TimeoutError):
        await asyncio.wait_for((await model_server.called()).aborted.wait(), 2)

    assert (await model_server.called()).aborted.is_set()
    await gateway.at_rest()
