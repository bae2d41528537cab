"""Comments keep a silent stream alive, from the first interval on, and never in the wrong place."""

import asyncio
import json

import pytest
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer, until
from gatewaylab.running import Running, Start, post
from gatewaylab.speeches import CHAT, GENERATING, MESSAGES, RESPONSES, Speech, asked

PING = b": ping\n\n"
ANTHROPIC_PING = b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize("speech", GENERATING, ids=lambda speech: speech.path)
async def test_comments_come_before_the_first_token_in_each_dialects_way(
    gateway: Running, model_server: ModelServer, speech: Speech
) -> None:
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.35)
        await speech.speak(call)

    model_server.on[speech.path] = slow
    ping = ANTHROPIC_PING if speech is MESSAGES else PING

    status, said = await asked(gateway, speech)

    assert status == 200
    assert said.startswith(ping)
    assert said.replace(ping, b"") == speech.word + speech.end
    assert 2 <= said.count(ping) <= 4


async def test_nobody_who_did_not_ask_gets_a_comment(
    gateway: Running, model_server: ModelServer
) -> None:
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.3)
        await CHAT.speak(call)

    model_server.on[CHAT.path] = slow

    assert (await gateway.chat(stream=True)).content == CHAT.word + CHAT.end


async def test_comments_come_in_the_queue_too(start: Start, model_server: ModelServer) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    model_server.on[CHAT.path] = silence
    gateway = await start(backends=(BackendSettings(model_server.origin, max_in_flight=1),))
    async with gateway.visitor(post(CHAT.path, CHAT.body(stream=False))):
        await model_server.called()
        model_server.on[CHAT.path] = CHAT.speak
        waiting = asyncio.ensure_future(asked(gateway))
        await until(lambda: gateway.gateway.admission.queued == 1)
        await asyncio.sleep(0.25)

    status, said = await waiting

    assert status == 200
    assert said.startswith(PING * 2)
    assert said.replace(PING, b"") == CHAT.word + CHAT.end
    await gateway.at_rest()


async def test_a_wait_that_was_too_long_is_told_in_the_stream_once_comments_were_sent(
    start: Start, model_server: ModelServer
) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    model_server.on[CHAT.path] = silence
    backend = BackendSettings(model_server.origin, max_in_flight=1)
    gateway = await start(backends=(backend,), queue_seconds=0.3)
    async with gateway.visitor(post(CHAT.path, CHAT.body(stream=False))):
        await model_server.called()

        status, said = await asked(gateway)

    error = json.loads(said.replace(PING, b"").split(b"\n\n")[0].removeprefix(b"data: "))["error"]
    assert (status, error["code"]) == (200, "overloaded")
    assert said.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("status", "code"),
    [("429 Too Many Requests", 429), ("400 Bad Request", 400), ("500 Internal Server Error", 500)],
)
async def test_an_early_error_keeps_its_own_status(
    gateway: Running, model_server: ModelServer, status: str, code: int
) -> None:
    theirs = b'{"error":{"message":"no","type":"X","param":null,"code":9}}'

    async def refuse(call: Call) -> None:
        await asyncio.sleep(0.1)
        call.reply(theirs, status)

    model_server.on[CHAT.path] = refuse

    assert await asked(gateway, every="0.5") == (code, theirs)


@pytest.mark.parametrize("speech", GENERATING, ids=lambda speech: speech.path)
async def test_a_late_error_is_told_in_the_stream(
    gateway: Running, model_server: ModelServer, speech: Speech
) -> None:
    async def refuse(call: Call) -> None:
        await asyncio.sleep(0.25)
        call.reply(
            b'{"error":{"message":"too long","type":"X","param":null,"code":9}}', "400 Bad Request"
        )

    model_server.on[speech.path] = refuse

    status, said = await asked(gateway, speech)

    assert status == 200
    assert b"too long" in said
    if speech is MESSAGES:
        assert b'event: error\ndata: {"type":"error","error":{"type":"invalid_req' in said
    elif speech is RESPONSES:
        assert b"event: response.failed\n" in said
    else:
        assert said.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("every", ["0", "-1", "0.01", "16", "nan", "inf", "soon", ""])
async def test_an_interval_that_is_none_is_refused(
    gateway: Running, model_server: ModelServer, every: str
) -> None:
    status, said = await asked(gateway, every=every)

    assert (status, json.loads(said)["error"]["code"]) == (400, "invalid_request")
    assert model_server.inference() == []
    await gateway.at_rest()
