"""What a key's limits look like to its clients, and that every ending gives back its place."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer, Script, chat, until
from gatewaylab.running import Running, Start, post
from gatewaylab.speeches import CHAT, MESSAGES
from gatewaylab.visiting import written_keys


async def limited(start: Start, folder: Path, **limits: Any) -> Running:
    return await start(keys_file=written_keys(folder, **limits))


async def silence(call: Call) -> None:
    await call.silence()


async def hangs_up(call: Call) -> None:
    call.writer.close()


async def refuses(call: Call) -> None:
    call.reply(b"{}", "500 Internal Server Error")


async def ends_early(call: Call) -> None:
    call.start_stream()
    call.event("one")
    call.end_stream(done=False)


async def breaks_off(call: Call) -> None:
    call.start_stream()
    call.event("one")
    await call.writer.drain()
    call.writer.transport.abort()


async def one_then_silence(call: Call) -> None:
    call.start_stream()
    call.event("one")
    await call.silence()


@pytest.mark.parametrize(
    "script", [chat, silence, hangs_up, refuses, ends_early, breaks_off, one_then_silence]
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_place_is_given_back_whatever_becomes_of_the_request(
    start: Start, model_server: ModelServer, tmp_path: Path, script: Script, *, stream: bool
) -> None:
    keys = written_keys(tmp_path, concurrency=1)
    gateway = await start(keys_file=keys, default_timeout=0.1, max_timeout=0.1)
    model_server.on[CHAT.path] = script

    for _ in range(3):
        await gateway.chat(stream=stream)
        await gateway.at_rest()
    model_server.on[CHAT.path] = chat

    assert (await gateway.chat()).status_code == 200


@pytest.mark.parametrize(
    "body", [b"{", b'{"model":"nobody"}', b'{"n":17}', b'{"mod\\u0065l":"alias"}', b""]
)
async def test_a_place_is_given_back_by_a_request_that_was_refused(
    start: Start, tmp_path: Path, body: bytes
) -> None:
    keys = written_keys(tmp_path, concurrency=1)
    gateway = await start(keys_file=keys, aliases={"alias": "tiny"})

    statuses = {
        (await gateway.client.post(CHAT.path, content=body, headers={"content-type": CHAT.kind}))
        .status_code
        for _ in range(3)
    }  # fmt: skip

    assert statuses <= {400, 404}
    assert (await gateway.chat()).status_code == 200
    await gateway.at_rest()


async def test_a_request_in_the_queue_holds_its_place_until_it_leaves(
    start: Start, model_server: ModelServer, tmp_path: Path
) -> None:
    gateway = await start(
        keys_file=written_keys(tmp_path, concurrency=2),
        backends=(BackendSettings(model_server.origin, max_in_flight=1),),
    )
    model_server.on[CHAT.path] = silence
    async with gateway.visitor(post(CHAT.path, CHAT.body(stream=True))):
        await model_server.called()
        async with gateway.visitor(post(CHAT.path, CHAT.body(stream=True))):
            await until(lambda: gateway.gateway.admission.queued == 1)
            third = await gateway.chat()
        await until(lambda: gateway.held()[3] == 1)

    assert (third.status_code, third.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    await gateway.at_rest()


async def test_the_same_request_passes_after_the_time_that_was_told(
    start: Start, tmp_path: Path
) -> None:
    gateway = await limited(start, tmp_path, requests_per_minute=120)
    answers = [await gateway.chat()]
    while answers[-1].status_code == 200:
        answers.append(await gateway.chat())
    refused = answers[-1]

    await asyncio.sleep(int(refused.headers["retry-after-ms"]) / 1000 + 0.005)

    assert (await gateway.chat()).status_code == 200
    assert refused.status_code == 429
    assert refused.headers["x-ratelimit-limit-requests"] == "120"
    assert int(refused.headers["retry-after"]) == 1
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers[:2]] >= ["1"]


@pytest.mark.parametrize("stream", [True, False])
async def test_answers_say_what_is_left(
    start: Start, tmp_path: Path, model_server: ModelServer, *, stream: bool
) -> None:
    gateway = await limited(start, tmp_path, requests_per_minute=60, tokens_per_minute=6000)

    answer = await gateway.chat(stream=stream)

    names = {name for name in answer.headers if name.startswith("x-ratelimit-")}
    assert names == {
        f"x-ratelimit-{what}-{of}"
        for what in ("limit", "remaining", "reset")
        for of in ("requests", "tokens")
    }


async def test_the_tokens_of_an_answer_are_charged_once_they_are_known(
    start: Start, model_server: ModelServer, tmp_path: Path
) -> None:
    async def dear(call: Call) -> None:
        call.reply(b'{"usage":{"prompt_tokens":500,"completion_tokens":500}}')

    model_server.on[CHAT.path] = dear
    gateway = await limited(start, tmp_path, tokens_per_minute=600)

    first, second = await gateway.chat(), await gateway.chat()

    assert (first.status_code, second.status_code) == (200, 429)
    assert float(second.headers["retry-after-ms"]) > 30_000


async def test_a_stream_that_its_client_leaves_is_charged_for_what_was_made(
    start: Start, model_server: ModelServer, tmp_path: Path
) -> None:
    async def wordy(call: Call) -> None:
        call.start_stream()
        for _ in range(50):
            call.chunk(CHAT.word)
            await call.writer.drain()
        await call.silence()

    model_server.on[CHAT.path] = wordy
    gateway = await limited(start, tmp_path, tokens_per_minute=600)

    async with gateway.visitor(post(CHAT.path, CHAT.body(stream=True))) as reader:
        for _ in range(50):
            await reader.readuntil(b"one")
    await gateway.at_rest()

    left = (await gateway.client.post("/tokenize", json={})).headers
    assert int(left["x-ratelimit-remaining-tokens"]) < 600 - 40


async def test_a_budget_that_is_used_up_is_told_without_a_retry(
    start: Start, model_server: ModelServer, tmp_path: Path
) -> None:
    async def dear(call: Call) -> None:
        call.reply(b'{"usage":{"prompt_tokens":500,"completion_tokens":500}}')

    model_server.on[CHAT.path] = dear
    gateway = await limited(start, tmp_path, tokens_per_day=1000)
    await gateway.chat()

    answer = await gateway.chat()
    told = await gateway.client.post(MESSAGES.path, json={"messages": []})

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "insufficient_quota")
    assert answer.headers["x-should-retry"] == "false"
    assert told.json()["error"]["type"] == "rate_limit_error"
