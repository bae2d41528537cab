"""A fallback answers while the own engine cannot, and only then; its answers say so."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway.backends import probes
from gateway.relay import delivery, timeouts
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer, chat, until
from gatewaylab.running import KEY, Running, Start
from gatewaylab.speeches import CHAT, FORM, MESSAGES, RESPONSES, TRANSCRIPTIONS, form
from ports import free_port

HEADER = "x-lamplighter-fallback"
THEIR_KEY = "sk-theirs"
LOADING = "503 Service Unavailable"


async def loads(call: Call) -> None:
    call.reply(b"", LOADING)


async def dies(call: Call) -> None:
    call.writer.transport.abort()


def hanging(until_set: asyncio.Event) -> Callable[[Call], Awaitable[None]]:
    async def script(call: Call) -> None:
        await until_set.wait()
        await chat(call)

    return script


@pytest.fixture
async def api() -> AsyncIterator[ModelServer]:
    """Another provider's API: it has no /health, and knows the model under its own name."""
    async with ModelServer() as server:
        del server.on["/health"]
        yield server


@pytest.fixture
def fallback(api: ModelServer, tmp_path: Path) -> BackendSettings:
    key = tmp_path / "fallback-0"
    key.write_text(THEIR_KEY)
    return BackendSettings(
        f"{api.origin}/v1",
        fallback=True,
        models=("tiny",),
        names={"tiny": "their-model"},
        api_key_file=key,
        headers={"x-team": "blue"},
    )


@pytest.fixture
async def both(start: Start, model_server: ModelServer, fallback: BackendSettings) -> Running:
    """The own engine and a fallback; salts and aliases are on."""
    own = BackendSettings(model_server.origin)
    return await start(backends=(own, fallback), cache_salt=True, aliases={"gpt": "tiny"})


def name_of(api: ModelServer) -> str:
    return f"127.0.0.1:{api.port}"


def models_of(server: ModelServer) -> list[str]:
    return [json.loads(call.body)["model"] for call in server.inference()]


def own_state(gateway: Running) -> str:
    return gateway.gateway.routing.backends[0].state


def engine_loads(gateway: Running, model_server: ModelServer) -> None:
    """Let the own engine load, and the gateway know it."""
    model_server.on["/health"] = loads
    gateway.gateway.routing.backends[0].found("loading")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_fallback_answers_while_the_engine_loads(
    both: Running, model_server: ModelServer, api: ModelServer, *, stream: bool
) -> None:
    engine_loads(both, model_server)

    answers = [await both.chat(model=name, stream=stream) for name in ("tiny", "gpt")]

    assert [one.status_code for one in answers] == [200, 200]
    assert {one.headers[HEADER] for one in answers} == {name_of(api)}
    assert models_of(api) == ["their-model"] * 2
    assert model_server.inference() == []
    sent = api.inference()[0]
    assert (sent.headers["authorization"], sent.headers["x-team"]) == (
        f"Bearer {THEIR_KEY}",
        "blue",
    )
    assert KEY not in str(sent.headers)
    assert b"cache_salt" not in sent.body
    await both.at_rest()


async def test_only_the_models_name_is_changed_on_the_way_to_a_fallback(
    both: Running, model_server: ModelServer, api: ModelServer
) -> None:
    engine_loads(both, model_server)
    body = '{ "messages":[{"role":"user","content":"é \\"model\\": \\"tiny\\""}],"top_p":1.0,%s}'

    await both.client.post(
        CHAT.path,
        content=(body % '"model" : "gpt"').encode(),
        headers={"content-type": "application/json"},
    )

    assert api.inference()[0].body == (body % '"model" : "their-model"').encode()


async def test_large_bodies_and_forms_are_renamed_too(
    both: Running, model_server: ModelServer, api: ModelServer
) -> None:
    engine_loads(both, model_server)
    sound = b"RIFF" + b"\x00" * 100_000

    async def transcribed(call: Call) -> None:
        call.reply(b'{"text":"hello"}')

    api.on[TRANSCRIPTIONS.path] = transcribed
    large = await both.chat(messages=[{"role": "user", "content": "a" * 200_000}])
    forms = [
        await both.client.post(
            TRANSCRIPTIONS.path,
            content=form(model="tiny", file=data),
            headers={"content-type": FORM},
        )
        for data in (b"RIFF", sound)
    ]

    assert [one.status_code for one in (large, *forms)] == [200] * 3
    assert {one.headers[HEADER] for one in (large, *forms)} == {name_of(api)}
    assert json.loads(api.inference()[0].body)["model"] == "their-model"
    assert [call.body for call in api.inference()[1:]] == [
        form(model="their-model", file=data) for data in (b"RIFF", sound)
    ]


async def test_an_engine_that_is_back_is_used_again_at_once(
    both: Running, model_server: ModelServer, api: ModelServer
) -> None:
    engine_loads(both, model_server)
    before = await both.chat()
    del model_server.on["/health"]

    await until(lambda: own_state(both) == "up")
    after = await both.chat()

    assert (before.headers[HEADER], HEADER in after.headers) == (name_of(api), False)
    assert models_of(model_server) == ["tiny"]
    assert b"cache_salt" in model_server.inference()[0].body


@pytest.mark.parametrize("late", [True, False])
async def test_an_engine_that_dies_before_the_first_byte_costs_no_client_an_error(
    both: Running,
    model_server: ModelServer,
    api: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    late: bool,
) -> None:
    monkeypatch.setattr(delivery, "_RACE_SECONDS", 0.0 if late else 60.0)
    model_server.on[CHAT.path] = dies

    answers = [await both.chat(stream=stream) for stream in (True, False) * 4]

    assert {one.status_code for one in answers} == {200}
    assert all('"error"' not in one.text for one in answers)
    assert {one.headers[HEADER] for one in answers} == {name_of(api)}
    assert {call.body.count(b"their-model") for call in api.inference()} == {1}
    assert not any(b"cache_salt" in call.body for call in api.inference())
    metrics = both.gateway.recorder.metrics
    assert metrics.failovers == {("tiny", "lost"): len(model_server.inference())}
    assert metrics.fallbacks == {("tiny", name_of(api), "200"): 8}
    await both.at_rest()


async def test_a_request_that_may_have_ended_its_engine_is_not_called_repeatable(
    both: Running, model_server: ModelServer, api: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_RACE_SECONDS", 0.0)
    model_server.on[CHAT.path] = dies
    await api.__aexit__()

    answer = await both.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "backend_lost")
    assert answer.headers["x-should-retry"] == "false"
    assert HEADER not in answer.headers


async def test_an_engine_that_fails_and_fails_is_left_alone_for_a_while(
    both: Running, model_server: ModelServer, api: ModelServer
) -> None:
    async def fails(call: Call) -> None:
        call.reply(b"{}", "500 Internal Server Error")

    model_server.on[CHAT.path] = fails

    answers = [await both.chat() for _ in range(12)]

    assert {one.headers[HEADER] for one in answers} == {name_of(api)}
    assert (len(model_server.inference()), len(api.inference())) == (5, 12)


async def test_a_fallback_takes_no_overflow(
    start: Start, model_server: ModelServer, api: ModelServer, fallback: BackendSettings
) -> None:
    go = asyncio.Event()
    model_server.on[CHAT.path] = hanging(go)
    own = BackendSettings(model_server.origin, max_in_flight=1)
    gateway = await start(backends=(own, fallback))

    asked = [asyncio.ensure_future(gateway.chat()) for _ in range(3)]
    await until(lambda: gateway.gateway.admission.queued == 2)
    go.set()
    answers = await asyncio.gather(*asked)

    assert [one.status_code for one in answers] == [200] * 3
    assert not any(HEADER in one.headers for one in answers)
    assert api.inference() == []


async def test_what_waits_in_the_queue_goes_to_the_fallback_when_the_engine_goes_down(
    start: Start, model_server: ModelServer, api: ModelServer, fallback: BackendSettings
) -> None:
    model_server.on[CHAT.path] = hanging(asyncio.Event())
    own = BackendSettings(model_server.origin, max_in_flight=1)
    gateway = await start(backends=(own, fallback), cache_salt=True)
    async with asyncio.timeout(5):
        first = asyncio.ensure_future(gateway.chat())
        await until(lambda: gateway.gateway.routing.backends[0].outstanding == 1)
        second = asyncio.ensure_future(gateway.chat(stream=True))
        await until(lambda: gateway.gateway.admission.queued == 1)

        gateway.gateway.routing.backends[0].found("loading")
        answer = await second
        first.cancel()

    assert (answer.status_code, answer.headers[HEADER]) == (200, name_of(api))
    assert models_of(api) == ["their-model"]


async def test_the_pages_show_the_own_engine_as_it_is(
    both: Running, model_server: ModelServer
) -> None:
    engine_loads(both, model_server)
    await both.chat()

    ready = await both.client.get("/health/ready")
    health = await both.client.get("/health")
    listed = await both.client.get("/v1/models")
    page = (await both.client.get("/metrics")).text
    status = (await both.client.get("/status")).json()

    assert (ready.status_code, ready.json()["status"]) == (503, "loading")
    assert health.json()["engine"] == "loading"
    assert {one["id"] for one in listed.json()["data"]} == {"tiny", "gpt"}
    assert "their-model" not in listed.text
    assert 'backend_up{backend="127.0.0.1' in page
    assert page.count("inference_gateway_backend_up{") == 1
    assert [one.get("fallback") for one in status["backends"]] == [None, True]


async def test_with_the_fallback_down_too_the_answer_is_the_engines(
    both: Running, model_server: ModelServer, api: ModelServer
) -> None:
    engine_loads(both, model_server)
    await api.__aexit__()

    answers = [await both.chat() for _ in range(2)]

    assert {(one.status_code, one.json()["error"]["code"]) for one in answers} == {
        (503, "model_loading")
    }
    assert {"retry-after", "x-lamplighter-eta-seconds"} <= set(answers[0].headers)
    assert HEADER not in answers[0].headers
    await both.at_rest()


async def test_a_fallback_that_accepts_no_connection_is_down_too(
    start: Start, model_server: ModelServer, deaf_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(timeouts, "CONNECT_SECONDS", 0.2)
    model_server.on["/health"] = loads
    deaf = BackendSettings(f"http://127.0.0.1:{deaf_port}", fallback=True, models=("tiny",))
    gateway = await start(backends=(BackendSettings(model_server.origin), deaf))

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_loading")
    await gateway.at_rest()


async def test_a_fallbacks_own_errors_pass_and_are_named_but_not_a_word_about_our_key(
    both: Running, model_server: ModelServer, api: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    engine_loads(both, model_server)

    async def refuses_key(call: Call) -> None:
        call.reply(b'{"error":{"message":"Incorrect API key: sk-th***"}}', "401 Unauthorized")

    unknown = await both.client.post(MESSAGES.path, json={"model": "tiny", "messages": []})
    api.on[CHAT.path] = refuses_key
    refused = await both.chat()

    assert (unknown.status_code, unknown.headers[HEADER]) == (404, name_of(api))
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_loading")
    assert HEADER not in refused.headers
    assert "does not accept the key" in caplog.text
    assert THEIR_KEY not in caplog.text


@pytest.mark.parametrize(
    "field", [{"store": True}, {"background": True}, {"previous_response_id": "resp_1"}]
)
async def test_what_is_stored_is_not_moved_to_a_fallback(
    both: Running, model_server: ModelServer, api: ModelServer, field: dict[str, Any]
) -> None:
    model_server.on[RESPONSES.path] = dies

    answer = await both.client.post(RESPONSES.path, json={"model": "tiny", "input": "x"} | field)

    assert answer.status_code == 502
    assert api.inference() == []


async def test_a_response_stays_with_the_backend_that_keeps_it(
    both: Running, model_server: ModelServer, api: ModelServer
) -> None:
    def keeping(server: ModelServer, kept: str) -> None:
        async def reply(call: Call) -> None:
            call.reply(json.dumps({"id": kept, "object": "response"}).encode())

        server.on[RESPONSES.path] = server.on[f"{RESPONSES.path}/{kept}"] = reply

    async def respond(**fields: object) -> httpx.Response:
        body = {"model": "tiny", "input": "x"} | fields
        return await both.client.post(RESPONSES.path, json=body)

    keeping(model_server, "resp_own")
    keeping(api, "resp_theirs")
    await respond(store=True)
    engine_loads(both, model_server)
    made = await respond(store=True)
    lost = await respond(previous_response_id="resp_own")
    both.gateway.routing.backends[0].found("up")
    got = await both.client.get(f"{RESPONSES.path}/resp_theirs")
    followed = await respond(previous_response_id="resp_theirs")

    assert made.json()["id"] == "resp_theirs"
    assert (lost.status_code, HEADER in lost.headers) == (503, False)
    assert [one.headers.get(HEADER) for one in (got, followed)] == [name_of(api)] * 2
    assert [call.method for call in api.inference()] == ["POST", "GET", "POST"]


@pytest.mark.parametrize(
    "headers", [{HEADER: "no"}, {"x-request-id": "lamplighter-probe-1"}], ids=["client", "agent"]
)
async def test_what_asks_about_the_own_engine_gets_no_fallback(
    both: Running, model_server: ModelServer, api: ModelServer, headers: dict[str, str]
) -> None:
    both.client.headers.update(headers)
    model_server.on[CHAT.path] = dies
    died = await both.chat()
    engine_loads(both, model_server)
    loading = await both.chat()

    assert (died.status_code, loading.status_code) == (502, 503)
    assert api.inference() == []


async def test_a_request_that_names_no_model_is_for_the_own_engine(
    both: Running, model_server: ModelServer, api: ModelServer
) -> None:
    del model_server.on["/v1/models"]

    served = await both.client.post(CHAT.path, json={"messages": []})
    engine_loads(both, model_server)
    refused = await both.client.post(CHAT.path, json={"messages": []})

    assert (served.status_code, refused.status_code) == (200, 503)
    assert api.inference() == []


async def test_before_the_engines_models_are_known_it_is_still_the_first_choice(
    start: Start, model_server: ModelServer, api: ModelServer, fallback: BackendSettings
) -> None:
    del model_server.on["/v1/models"]
    gateway = await start(backends=(fallback, BackendSettings(model_server.origin)))

    answer = await gateway.chat()

    assert (answer.status_code, HEADER in answer.headers) == (200, False)
    assert api.inference() == []


async def test_a_fallback_behind_a_refused_connection_is_asked_without_an_error(
    start: Start, api: ModelServer, fallback: BackendSettings
) -> None:
    gone = BackendSettings(f"http://127.0.0.1:{free_port()}")
    gateway = await start(backends=(gone, fallback))
    gateway.gateway.routing.backends[0].found("up")  # as it was a moment ago

    answer = await gateway.chat()

    assert (answer.status_code, answer.headers[HEADER]) == (200, name_of(api))
