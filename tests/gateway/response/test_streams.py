"""What a stream looks like when the model server is slow, torn, cut, or not done."""

import asyncio
import json
from typing import Any

import openai
import pytest
from gatewaylab.model_server import Call, ModelServer, Script, closed, sse
from gatewaylab.running import Running, Start, post

CHAT = "/v1/chat/completions"


async def collected(gateway: Running) -> tuple[list[str | None], Any]:
    """The words that OpenAI's client was given, and the body of the error that ended them."""
    words: list[str | None] = []
    try:
        stream = await gateway.openai.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        async for chunk in stream:
            words += [choice.delta.content for choice in chunk.choices]
    except openai.APIError as error:
        return words, error.body
    return words, None


async def reset(call: Call) -> None:
    call.start_stream()
    call.event("one")
    call.event("two")
    await call.writer.drain()
    await asyncio.sleep(0.05)
    call.writer.transport.abort()


async def fin_with_the_last_bytes(call: Call) -> None:
    call.start_stream()
    call.event("one")
    call.event("two")
    call.writer.close()


async def fin_in_mid_event(call: Call) -> None:
    call.start_stream()
    call.event("one")
    call.event("two")
    call.chunk(sse("three")[:40])
    await call.writer.drain()
    await asyncio.sleep(0.05)
    call.writer.close()


async def clean_end_without_done(call: Call) -> None:
    call.start_stream()
    call.event("one")
    call.event("two")
    call.end_stream(done=False)


async def done_without_a_finish_reason(call: Call) -> None:
    call.start_stream()
    call.event("one")
    call.event("two")
    call.end_stream()


async def stopped_by_sigterm(call: Call) -> None:
    call.start_stream()
    call.event("one")
    call.event("two", "abort")
    call.end_stream()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (reset, "backend_lost"),
        (fin_with_the_last_bytes, "backend_lost"),
        (fin_in_mid_event, "backend_lost"),
        (clean_end_without_done, "stream_incomplete"),
        (done_without_a_finish_reason, "stream_incomplete"),
        (stopped_by_sigterm, "stream_incomplete"),
    ],
)
async def test_a_stream_that_is_not_done_ends_in_an_error_after_all_its_words(
    gateway: Running, model_server: ModelServer, script: Script, code: str
) -> None:
    model_server.on[CHAT] = script

    words, error = await collected(gateway)

    assert words == ["one", "two"]
    assert error is not None
    assert error["code"] == code
    assert set(error) == {"message", "type", "param", "code"}


async def test_words_that_wait_for_a_slow_client_survive_the_model_servers_end(
    gateway: Running, model_server: ModelServer
) -> None:
    sent = [sse("x" * 60_000) for _ in range(200)]  # more than the sockets on the way can hold

    async def burst_and_die(call: Call) -> None:
        call.start_stream()
        for event in sent:
            call.chunk(event)
            await call.writer.drain()
        call.writer.close()

    model_server.on[CHAT] = burst_and_die
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
    writer.write(post(CHAT, b'{"stream":true}', "Connection: close"))

    await asyncio.sleep(0.5)
    received = await reader.read(-1)
    await closed(writer)

    assert received.count(b'"finish_reason"') == len(sent)
    assert b"backend_lost" in received[-300:]


async def test_a_client_that_stops_reading_does_not_keep_the_model_server(
    start: Start, model_server: ModelServer
) -> None:
    async def flood(call: Call) -> None:
        call.start_stream()
        while True:
            call.event("x" * 65536)
            await call.writer.drain()

    model_server.on[CHAT] = flood
    gateway = await start(default_timeout=0.3)
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
    writer.write(post(CHAT, b'{"stream":true}'))

    try:
        call = await model_server.called()
        await asyncio.wait_for(call.aborted.wait(), 5)
        await gateway.idle()
    finally:
        await closed(writer)


async def test_a_stream_that_fails_still_says_done_once_and_last(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on[CHAT] = done_without_a_finish_reason

    answer = await gateway.chat(stream=True)

    events = answer.text.split("\n\n")
    assert [event for event in events if event == "data: [DONE]"] == ["data: [DONE]"]
    assert json.loads(events[-3].removeprefix("data: "))["error"]["code"] == "stream_incomplete"
    assert events[-2:] == ["data: [DONE]", ""]


async def test_a_whole_answer_that_breaks_off_is_a_502_that_is_not_to_be_repeated(
    gateway: Running, model_server: ModelServer
) -> None:
    async def half(call: Call) -> None:
        call.head(**{"content-length": "100"})
        call.write(b'{"half":')
        await call.writer.drain()
        call.writer.close()

    model_server.on[CHAT] = half

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "backend_lost")
    assert answer.headers["x-should-retry"] == "false"
