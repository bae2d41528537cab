"""What a stream that ends well looks like: byte for byte, and at once."""

import asyncio
import time

import pytest
from gatewaylab.model_server import Call, ModelServer, sse
from gatewaylab.running import Running

CHAT = "/v1/chat/completions"


async def test_the_model_servers_own_error_event_is_passed_on_and_not_doubled(
    gateway: Running, model_server: ModelServer
) -> None:
    theirs = b'data: {"error":{"message":"dead","type":"X","param":null,"code":500}}\n\n'

    async def engine_died(call: Call) -> None:
        call.start_stream()
        call.event("one")
        call.chunk(theirs)
        call.end_stream()

    model_server.on[CHAT] = engine_died

    answer = await gateway.chat(stream=True)

    assert answer.content == sse("one") + theirs + b"data: [DONE]\n\n"


@pytest.mark.parametrize("blank", [b"\n\n", b"\r\n\r\n"])
async def test_a_stream_in_odd_pieces_arrives_byte_for_byte(
    gateway: Running, model_server: ModelServer, blank: bytes
) -> None:
    ping = b": still here\n\n"
    text = sse("1") + ping + sse("\u00e9 \\n data: [DONE]") + sse("", "stop") + b"data: [DONE]\n\n"
    sent = text.replace(b"\n\n", blank)

    async def dribble(call: Call) -> None:
        call.start_stream()
        for start in range(0, len(sent), 7):
            call.chunk(sent[start : start + 7])
            await call.writer.drain()
            await asyncio.sleep(0)
        call.end_stream(done=False)

    model_server.on[CHAT] = dribble

    answer = await gateway.chat(stream=True)

    assert answer.content == sent


async def test_text_that_looks_like_the_end_of_a_stream_is_not_the_end(
    gateway: Running, model_server: ModelServer
) -> None:
    async def talks_about_the_protocol(call: Call) -> None:
        call.start_stream()
        call.event('"finish_reason":"stop"\n\ndata: [DONE]\n\n')
        call.end_stream(done=False)

    model_server.on[CHAT] = talks_about_the_protocol

    answer = await gateway.chat(stream=True)

    assert '"code":"stream_incomplete"' in answer.text


async def test_a_token_reaches_the_client_before_the_next_one_is_made(
    gateway: Running, model_server: ModelServer
) -> None:
    async def slow(call: Call) -> None:
        call.start_stream()
        call.event("first")
        await call.writer.drain()
        await asyncio.sleep(0.4)
        call.event("last", "stop")
        call.end_stream()

    model_server.on[CHAT] = slow
    body = {"model": "tiny", "messages": [], "stream": True}
    began = time.perf_counter()

    async with gateway.client.stream("POST", CHAT, json=body) as answer:
        first = await anext(answer.aiter_raw())
        waited = time.perf_counter() - began

    assert b"first" in first
    assert waited < 0.3
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-accel-buffering"] == "no"
