"""Which ends of a stream are complete: what cannot be judged passes byte for byte."""

import asyncio
import json

import pytest
from gatewaylab.model_server import Call, ModelServer, sse
from gatewaylab.running import Running
from gatewaylab.speeches import CHAT, MESSAGES, RESPONSES, Speech, event

DONE = b"data: [DONE]\n\n"


async def streamed(
    gateway: Running, model_server: ModelServer, speech: Speech, *chunks: bytes, cut: bool = False
) -> bytes:
    async def script(call: Call) -> None:
        call.start_stream()
        for chunk in chunks:
            call.chunk(chunk)
            await call.writer.drain()
            await asyncio.sleep(0.005)
        if cut:
            call.writer.close()
        else:
            call.write(b"0\r\n\r\n")

    model_server.on[speech.path] = script
    answer = await gateway.client.post(
        speech.path, content=speech.body(stream=True), headers={"content-type": speech.kind}
    )
    return answer.content


def finish(**more: object) -> bytes:
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"} | more
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def data_only(kind: str, **fields: object) -> bytes:
    return b"data: " + json.dumps({"type": kind} | fields).encode() + b"\n\n"


STOPPED = event("message_delta", delta={"stop_reason": "end_turn"})
DELTA = data_only("response.output_text.delta", delta="x")
COMPLETED = data_only("response.completed", response={"status": "completed"})

COMPLETE = {
    "a long event after the reason": (CHAT, [sse("1"), finish(token_ids=[1] * 9000), DONE]),
    "a long event with the end": (CHAT, [sse("1"), finish(token_ids=[1] * 9000) + DONE]),
    "an event beyond what is held": (CHAT, [sse("1"), finish(token_ids=[1] * 500_000), DONE]),
    "no [DONE]": (CHAT, [sse("1"), finish()]),
    "many comments before [DONE]": (CHAT, [sse("1"), finish(), *[b": ping\n\n"] * 200, DONE]),
    "comments without blank lines": (CHAT, [b": a\n", sse("1"), b": b\n", finish(), DONE]),
    "spaces around the colon": (CHAT, [b'data: {"finish_reason" : "stop"}\n\n', DONE]),
    "events of no known shape": (CHAT, [b'data: {"text":"x"}\n\n', DONE]),
    "events of no known shape, no end": (CHAT, [b'data: {"text":"x"}\n\n']),
    "no blank line after the last event": (CHAT, [sse("1"), finish()[:-2]]),
    "lone carriage returns": (CHAT, [sse("1").replace(b"\n", b"\r"), finish(), DONE]),
    "an error of another shape": (CHAT, [sse("1"), b'data: {"object":"error","error":"x"}\n\n']),
    "no message_stop": (MESSAGES, [MESSAGES.word, STOPPED]),
    "a message of data lines": (MESSAGES, [MESSAGES.word, STOPPED, data_only("message_stop")]),
    "a response of data lines": (RESPONSES, [DELTA, COMPLETED]),
}


@pytest.mark.parametrize("name", COMPLETE)
async def test_a_stream_that_may_be_complete_passes_byte_for_byte(
    gateway: Running, model_server: ModelServer, name: str
) -> None:
    speech, chunks = COMPLETE[name]

    said = await streamed(gateway, model_server, speech, *chunks)

    assert said.rstrip(b"\n") == b"".join(chunks).rstrip(b"\n")


@pytest.mark.parametrize(
    ("speech", "chunks"),
    [
        (RESPONSES, [RESPONSES.word, RESPONSES.last[:60]]),
        (MESSAGES, [MESSAGES.word, STOPPED, MESSAGES.last[:30]]),
        (CHAT, [sse("1"), finish()[:40]]),
        (CHAT, [sse("1"), finish(), DONE[:9]]),
    ],
)
async def test_a_last_event_that_was_cut_in_its_middle_is_no_end(
    gateway: Running, model_server: ModelServer, speech: Speech, chunks: list[bytes]
) -> None:
    said = await streamed(gateway, model_server, speech, *chunks, cut=True)

    whole = b"".join(chunks[:-1])
    assert said.startswith(whole)
    assert said[len(whole) :].startswith((b"data: {", b"event: "))
    assert b'"error"' in said[len(whole) :]


async def test_an_event_that_was_never_finished_is_missed_at_a_clean_end_too(
    gateway: Running, model_server: ModelServer
) -> None:
    said = await streamed(gateway, model_server, CHAT, sse("1"), sse("2")[:40])

    assert said.startswith(sse("1") + b'data: {"error"')


def chunk(choice: int, reason: str | None = None, **more: object) -> bytes:
    choices = [{"index": choice, "delta": {}, "finish_reason": reason}]
    return b"data: " + json.dumps({"choices": choices} | more).encode() + b"\n\n"


USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


async def test_what_the_engine_moves_into_the_usage_event_is_put_back(
    gateway: Running, model_server: ModelServer
) -> None:
    usage = {"choices": [], "usage": USAGE, "system_fingerprint": 'vllm-"1"'}
    asked_for = b"data: " + json.dumps(usage).encode() + b"\n\n"

    said = await streamed(
        gateway, model_server, CHAT,
        chunk(0), chunk(1), chunk(0, "stop"), chunk(1), chunk(1, "length"), asked_for, DONE,
    )  # fmt: skip

    events = [one.removeprefix("data: ") for one in said.decode().strip().split("\n\n")]
    assert events.pop() == "[DONE]"
    decoded = [json.loads(one) for one in events]
    assert [one["choices"][0]["finish_reason"] for one in decoded] == [
        None, None, None, "stop", "length",
    ]  # fmt: skip
    assert [one.get("system_fingerprint") for one in decoded[-2:]] == ['vllm-"1"'] * 2
    assert "usage" not in said.decode()


async def test_a_finished_stream_that_then_breaks_keeps_its_last_event(
    gateway: Running, model_server: ModelServer
) -> None:
    said = await streamed(gateway, model_server, CHAT, chunk(0), chunk(0, "stop"), cut=True)

    assert said.startswith(chunk(0) + chunk(0, "stop") + b'data: {"error"')
