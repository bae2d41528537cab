"""Streams are counted for their key, and the client sees no trace of how."""

import json

import pytest
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start
from gatewaylab.speeches import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Speech, event

WORD = (
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"usage, \\"usage\\": null"}}]%b}\n\n'
)
STOP = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]%b}\n\n'
COUNTS = b'{"prompt_tokens":7,"total_tokens":12,"completion_tokens":5}'
USAGE = b'data: {"id":"c","choices":[],"usage":%b}\n\n' % COUNTS
DONE = b"data: [DONE]\n\n"
TOLD = {"input_tokens": 8, "output_tokens": 9}
NULL = b',"usage":null'


async def counting(call: Call) -> None:
    """Tell the usage as vLLM does: only to who asks."""
    options = json.loads(call.body).get("stream_options") or {}
    asked = bool(options.get("include_usage"))
    call.start_stream()
    for text in (WORD, STOP):
        call.chunk(text % (NULL if asked else b""))
        await call.writer.drain()
    if asked:
        call.chunk(USAGE)
    call.chunk(DONE)
    call.write(b"0\r\n\r\n")


def counted(gateway: Running) -> tuple[int, int, int]:
    """Return the requests and tokens in and out that Alice is charged."""
    used = gateway.gateway.usage.summary()["alice"]["total"]
    return used["requests"], used["prompt_tokens"], used["completion_tokens"]


@pytest.mark.parametrize("path", [CHAT.path, COMPLETIONS.path])
@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (b"", b',"stream_options":{"include_usage":true}'),
        (b',"stream_options":null', b',"stream_options":{"include_usage":true}'),
        (b',"stream_options" : {}', b',"stream_options" : {"include_usage":true}'),
        (
            b',"stream_options":{"include_usage":false, "x":1e2}',
            b',"stream_options":{"include_usage":true,"x":1e2}',
        ),
        (
            b',"stream_options":{"continuous_usage_stats":true}',
            b',"stream_options":{"continuous_usage_stats":false,"include_usage":true}',
        ),
    ],
)
async def test_usage_is_asked_for_counted_and_taken_out_again(
    gateway: Running, model_server: ModelServer, path: str, said: bytes, sent: bytes
) -> None:
    model_server.on[path] = counting
    body = b'{"model":"tiny", "stream":true,"temperature":0.10' + said + b"}"

    answer = await gateway.client.post(path, content=body, headers={"content-type": CHAT.kind})

    call = await model_server.called()
    assert call.body == b'{"model":"tiny", "stream":true,"temperature":0.10' + sent + b"}"
    assert int(call.headers["content-length"]) == len(call.body)
    assert answer.content == WORD % b"" + STOP % b"" + DONE
    assert counted(gateway) == (1, 7, 5)


async def test_a_client_that_asks_for_usage_itself_gets_every_byte(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on[CHAT.path] = counting
    body = b'{"stream":true,"stream_options":{ "include_usage" : true }}'

    answer = await gateway.client.post(CHAT.path, content=body, headers={"content-type": CHAT.kind})

    call = await model_server.called()
    assert call.body == body
    assert answer.content == WORD % NULL + STOP % NULL + USAGE + DONE
    assert counted(gateway) == (1, 7, 5)


@pytest.mark.parametrize(
    "hidden",
    [
        b'"metadata":{"stream_options":{}}',
        b'"metadata":{"stream_options":{"include_usage":true}}',
        b'"x":"\\"stream_options\\":{}"',
        b'"stream\\u005foptions":{"include_usage":false}',
        b'"stream_options":{"include_usage":false,"deep":{}}',
        b'"x":[' + b'{"stream_options":{}},' * 100 + b"0]",
        b'"stream_options":{"include_usage":false},"stream_options":null',
    ],
)
async def test_no_spelling_of_the_options_evades_the_count(
    gateway: Running, model_server: ModelServer, hidden: bytes
) -> None:
    model_server.on[CHAT.path] = counting
    body = b'{"stream":true,' + hidden + b"}"

    answer = await gateway.client.post(CHAT.path, content=body, headers={"content-type": CHAT.kind})

    assert counted(gateway) == (1, 7, 5)
    assert answer.content == WORD % b"" + STOP % b"" + DONE


async def test_usage_is_not_asked_for_when_counting_is_off(
    start: Start, model_server: ModelServer
) -> None:
    model_server.on[CHAT.path] = counting
    gateway = await start(count_usage=False)

    answer = await gateway.client.post(
        CHAT.path, content=b'{"stream":true}', headers={"content-type": CHAT.kind}
    )

    assert (await model_server.called()).body == b'{"stream":true}'
    assert answer.content == WORD % b"" + STOP % b"" + DONE


async def test_whole_answers_are_not_asked_for_usage_and_counted(
    gateway: Running, model_server: ModelServer
) -> None:
    async def whole(call: Call) -> None:
        call.reply(b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}')

    model_server.on[CHAT.path] = whole

    await gateway.client.post(CHAT.path, json={"model": "tiny"})

    assert (await model_server.called()).body == b'{"model":"tiny"}'
    assert counted(gateway) == (1, 3, 4)


@pytest.mark.parametrize(
    ("speech", "said"),
    [
        (RESPONSES, event("response.completed", response={"usage": TOLD})),
        (
            MESSAGES,
            event("message_delta", delta={"stop_reason": "end_turn"}, usage=TOLD)
            + event("message_stop"),
        ),
    ],
)
async def test_the_other_dialects_are_counted_by_what_they_say_themselves(
    gateway: Running, model_server: ModelServer, speech: Speech, said: bytes
) -> None:
    async def script(call: Call) -> None:
        call.start_stream()
        call.chunk(speech.word)
        call.chunk(said)
        call.write(b"0\r\n\r\n")

    model_server.on[speech.path] = script

    answer = await gateway.client.post(speech.path, json={"model": "tiny", "stream": True})

    assert json.loads((await model_server.called()).body) == {"model": "tiny", "stream": True}
    assert answer.content == speech.word + said
    assert counted(gateway) == (1, 8, 9)


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_usage_is_taken_out_of_a_stream_in_odd_pieces_too(
    gateway: Running, model_server: ModelServer, size: int
) -> None:
    sent = WORD % NULL + STOP % NULL + USAGE + DONE

    async def dribble(call: Call) -> None:
        call.start_stream()
        for start in range(0, len(sent), size):
            call.chunk(sent[start : start + size])
            await call.writer.drain()
        call.write(b"0\r\n\r\n")

    model_server.on[CHAT.path] = dribble

    answer = await gateway.chat(stream=True)

    assert answer.content == WORD % b"" + STOP % b"" + DONE
    assert counted(gateway) == (1, 7, 5)


async def test_what_the_backend_refuses_costs_the_key_nothing(
    gateway: Running, model_server: ModelServer
) -> None:
    async def busy(call: Call) -> None:
        call.reply(b'{"error":{"message":"busy"}}', "429 Too Many Requests")

    model_server.on["/v1/chat/completions"] = busy

    answer = await gateway.chat(messages=[{"role": "user", "content": "long " * 1000}])

    await gateway.idle()
    assert answer.status_code == 429
    assert gateway.gateway.usage.today("alice") == 0
