"""Each budget ends what it is there to end, and the answer names it."""

import asyncio
import math

import pytest
from gateway.relay import timeouts
from gateway.relay.timeouts import GRACE_SECONDS, Budgets, ModelSpeeds, budgets, client_timeout
from gateway.request.parameters import Parameters
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings
from gatewaylab.model_server import Call, ModelServer, Script
from gatewaylab.running import Running, Start

CHAT = "/v1/chat/completions"
D90_M600 = Settings()
UNKNOWN_PACE = ModelSpeeds().of(None)


@pytest.mark.parametrize(
    ("ask", "client", "expected"),
    [
        (Parameters(), math.inf, Budgets(5, 600, 600, 600)),
        (Parameters(max_tokens=1000), math.inf, Budgets(5, 190, 190, 190)),
        (Parameters(max_completion_tokens=1000), math.inf, Budgets(5, 190, 190, 190)),
        (
            Parameters(max_tokens=10, max_completion_tokens=2000),
            math.inf,
            Budgets(5, 290, 290, 290),
        ),
        (Parameters(max_tokens=1_000_000), math.inf, Budgets(5, 600, 600, 600)),
        (Parameters(max_tokens=10**400), math.inf, Budgets(5, 600, 600, 600)),
        (Parameters(max_tokens=-5), math.inf, Budgets(5, 600, 600, 600)),
        (Parameters(stream=True), math.inf, Budgets(5, 90, 90, 600)),
        (Parameters(stream=True, max_tokens=1000), math.inf, Budgets(5, 90, 90, 600)),
        (Parameters(), 20.0, Budgets(5, 20, 20, 20)),
        (Parameters(), 2.0, Budgets(2, 2, 2, 2)),
        (Parameters(), 1000.0, Budgets(5, 600, 600, 600)),
        (Parameters(stream=True), 20.0, Budgets(5, 20, 20, 600)),
    ],
)
def test_budgets_follow_what_the_request_asks_for(
    ask: Parameters, client: float, expected: Budgets
) -> None:
    assert budgets(ask, D90_M600, UNKNOWN_PACE, 0, client) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, math.inf), (b"20", 20), (b"0.5", 0.5), (b"0", math.inf), (b"-1", math.inf)]
    + [(junk, math.inf) for junk in (b"", b"soon", b"nan", b"inf", b"\xff")],
)
def test_a_clients_patience_counts_only_if_it_is_said_plainly(
    header: bytes | None, seconds: float
) -> None:
    for name, grace in ((b"x-stainless-read-timeout", GRACE_SECONDS), (b"x-request-timeout", 0.0)):
        waits = client_timeout({name: header} if header is not None else {})
        assert waits == seconds + grace


def test_what_generates_nothing_gets_no_time_for_an_answer_of_unknown_length() -> None:
    found = budgets(Parameters(), D90_M600, UNKNOWN_PACE, 0, generates=False)

    assert found == Budgets(5, 90, 90, 90)


async def silence(call: Call) -> None:
    await call.silence()


async def one_event_then_silence(call: Call) -> None:
    call.start_stream()
    call.event("one")
    await call.silence()


async def headers_then_silence(call: Call) -> None:
    call.start_stream()
    await call.silence()


async def endless(call: Call) -> None:
    call.start_stream()
    while True:
        call.event("more")
        await call.writer.drain()
        await asyncio.sleep(0.02)


async def test_a_whole_answer_that_takes_too_long_is_a_504(
    start: Start, model_server: ModelServer
) -> None:
    model_server.on[CHAT] = silence
    gateway = await start(default_timeout=0.2, max_timeout=0.2)

    answer = await gateway.chat()

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (504, "timeout")
    assert error["message"] == "The request's budget for the whole answer ended after 0.2 s."
    assert answer.headers["x-should-retry"] == "false"
    call = await model_server.called()
    await asyncio.wait_for(call.aborted.wait(), 2)


def test_a_long_prompt_buys_time_for_the_first_byte() -> None:
    long, short = (
        budgets(Parameters(stream=True), D90_M600, (0.1, 0.001), size) for size in (404_000, 4_000)
    )

    assert long == Budgets(5, 190, 90, 600)
    assert short == Budgets(5, 90, 90, 600)


def test_a_slow_model_is_given_more_time_once_it_is_known() -> None:
    paces = ModelSpeeds()
    for _ in range(100):
        paces.seen("slow", prompt=1000, tokens=100, first=2.0, all_=22.0)

    token, prefill = paces.of("slow")

    assert token == pytest.approx(3 * 0.2, rel=0.01)
    assert prefill == pytest.approx(3 * 0.002, rel=0.01)
    assert paces.of("other") == UNKNOWN_PACE


def test_the_learned_pace_stays_within_bounds() -> None:
    paces = ModelSpeeds()
    for _ in range(100):
        paces.seen("fast", prompt=1_000_000, tokens=100_000, first=0.001, all_=0.002)
        paces.seen("stuck", prompt=1, tokens=8, first=1000.0, all_=9000.0)

    assert paces.of("fast") == pytest.approx((0.01, 0.0001))
    assert paces.of("stuck") == pytest.approx((1.0, 0.01))


async def test_max_tokens_buy_time(start: Start, model_server: ModelServer) -> None:
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.4)
        call.reply(b"{}")

    model_server.on[CHAT] = slow
    gateway = await start(default_timeout=0.2)

    answer = await gateway.chat(max_completion_tokens=30)

    assert answer.status_code == 200


async def test_a_clients_own_read_timeout_ends_the_request_here_too(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on[CHAT] = silence
    gateway.client.headers["x-stainless-read-timeout"] = "0.2"

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")


async def test_a_stream_without_a_first_byte_is_a_504(
    start: Start, model_server: ModelServer
) -> None:
    model_server.on[CHAT] = silence
    gateway = await start(default_timeout=0.2)

    answer = await gateway.chat(stream=True)

    assert answer.status_code == 504
    assert "the first byte of the answer ended after 0.2 s" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("script", "limits", "named"),
    [
        (
            headers_then_silence,
            {"default_timeout": 0.2},
            "the next byte of the stream ended after 0.2 s",
        ),
        (
            one_event_then_silence,
            {"default_timeout": 0.2},
            "the next byte of the stream ended after 0.2 s",
        ),
        (endless, {"default_timeout": 0.2, "max_timeout": 0.5}, "whole answer ended after 0.5 s"),
    ],
)
async def test_a_stream_that_runs_out_of_a_budget_says_which(
    start: Start, model_server: ModelServer, script: Script, limits: dict[str, float], named: str
) -> None:
    model_server.on[CHAT] = script
    gateway = await start(**limits)

    answer = await gateway.chat(stream=True)

    assert answer.status_code == 200
    assert named in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")
    call = await model_server.called()
    await asyncio.wait_for(call.aborted.wait(), 2)
    await gateway.idle()


async def test_a_connection_that_is_never_made_is_a_504_of_its_own(
    start: Start, deaf_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "CONNECT_SECONDS", 0.2)
    gateway = await start(backends=(BackendSettings(f"http://127.0.0.1:{deaf_port}"),))

    answer = await gateway.chat()

    assert answer.status_code == 504
    assert "the connection to the model server ended" in answer.json()["error"]["message"]
    assert "127.0.0.1" not in answer.text
    await gateway.idle()
