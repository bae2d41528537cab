"""Does the engine get on? A clock that the test turns, and an engine that it plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from host.agent.phases import State
from host.probes import progress
from host.probes.check import Check, Verdict
from host.probes.progress import Progress
from host_scripts.endpoint import Endpoint, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNSURE = Check(Verdict.UNSURE, "too slow")
TICK = 5.0  # seconds between two looks of the agent


class Played:
    """An engine of so many tokens generated; None: its /metrics do not answer in time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.counters: tuple[str, ...] | None = ("vllm:generation_tokens_total 1",)
        self.answers = True
        self.asked: list[float] = []
        monkeypatch.setattr(progress, "counters", lambda _: self.counters)
        monkeypatch.setattr(progress, "answers_token", self._token)
        self.state, self.check = State("serving"), Check(Verdict.WORKS)
        self.begin()

    def begin(self, marker: Path | None = None) -> None:
        """Be judged by an agent that was just started."""
        self.progress = Progress("http://engine", "org/model", lambda: self.now, marker)

    def moves(self) -> None:
        self.counters = (f"vllm:generation_tokens_total {self.now}",)

    def looks(self, seconds: float, *, moving: bool = False) -> str | None:
        """Look for so many seconds; return the first proof that it hangs."""
        until = self.now + seconds
        while self.now < until:
            self.now += TICK
            if moving:
                self.moves()
            if hangs := self.progress.judge(self.check, serves=self.state.is_serving):
                return hangs
        return None

    def _token(self, _url: str, _model: str) -> bool:
        self.asked.append(self.now)
        if not self.answers:
            self.now += progress.COMPLETION
        return self.answers


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(monkeypatch)


def test_an_engine_that_moves_is_never_asked_and_never_hangs(engine: Played) -> None:
    engine.answers = False

    assert engine.looks(3600, moving=True) is None
    assert engine.asked == []


def test_an_idle_engine_is_asked_for_a_token_every_half_minute_and_is_fine(engine: Played) -> None:
    assert engine.looks(3600) is None
    assert 3600 / 40 <= len(engine.asked) <= 3600 / progress.ASK_AFTER


@pytest.mark.parametrize("front_answers", [True, False], ids=["front answers", "all silent"])
def test_an_engine_that_hangs_is_noticed_within_two_minutes(
    engine: Played, *, front_answers: bool
) -> None:
    engine.looks(600, moving=True)
    began, engine.answers = engine.now, False
    if not front_answers:
        engine.counters = None

    hangs = engine.looks(600)

    assert hangs is not None
    assert "the engine hangs" in hangs
    assert progress.HANGS_AFTER <= engine.now - began <= 120


def test_an_engine_that_hangs_while_it_idles_is_noticed_within_two_minutes(engine: Played) -> None:
    engine.looks(600)
    began, engine.answers = engine.now, False

    assert engine.looks(600) is not None
    assert engine.now - began <= 120


def test_a_slow_engine_that_moves_now_and_then_is_busy(engine: Played) -> None:
    engine.answers = False
    for _ in range(60):
        assert engine.looks(progress.HANGS_AFTER - progress.COMPLETION - TICK) is None
        engine.moves()


def test_a_question_that_was_not_answered_is_forgotten_once_something_moves(engine: Played) -> None:
    engine.answers = False
    assert engine.looks(45) is None
    engine.moves()
    engine.answers = True

    assert engine.looks(3600) is None


def test_an_engine_without_counters_cannot_be_judged(engine: Played) -> None:
    """vLLM with --disable-log-stats: a long queue would look like a hang."""
    engine.counters, engine.answers = (), False

    assert engine.looks(3600) is None
    assert engine.asked == []


def test_b2_an_engine_that_loads_for_ten_minutes_is_not_judged(engine: Played) -> None:
    engine.state, engine.check, engine.answers = State("loading"), UNSURE, False

    assert engine.looks(600) is None
    assert engine.asked == []


def test_b2_an_engine_that_loads_again_is_not_judged(engine: Played) -> None:
    """Started again after an outage: nobody is behind its port until it has loaded."""
    engine.looks(600)
    engine.state, engine.check = State("unhealthy"), Check(Verdict.DEAD, "refused")
    engine.answers, asked = False, len(engine.asked)

    assert engine.looks(600) is None
    assert len(engine.asked) == asked


def test_an_agent_that_is_started_again_still_sees_that_it_hangs(
    engine: Played, tmp_path: Path
) -> None:
    marker = tmp_path / "served"
    engine.begin(marker)
    engine.looks(60)
    engine.answers = False
    engine.begin(marker)
    engine.state, engine.check = State("loading"), UNSURE

    assert engine.looks(120) == progress.HANGS


def test_without_an_engine_nothing_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "counters", lambda _: pytest.fail("asked"))
    nothing = Progress(None, "", lambda: 0.0)

    assert nothing.judge(Check(Verdict.WORKS), serves=True) is None


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint(key="")
    server = endpoint.start()
    yield endpoint
    stop(server)


METRICS = """\
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="m"} 12.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 1.0
vllm:request_success_total{engine="0",finished_reason="abort",model_name="m"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
process_cpu_seconds_total 99.0
http_requests_total{handler="/metrics"} 5.0
"""


def test_only_what_the_engine_itself_moves_counts(endpoint: Endpoint) -> None:
    endpoint.answers["/metrics"] = (200, METRICS)

    assert progress.counters(endpoint.url) == (
        'vllm:generation_tokens_total{engine="0",model_name="m"} 12.0',
        'vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 1.0',
        'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25',
    )


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_every_answer_is_one(endpoint: Endpoint, status: int) -> None:
    endpoint.answers["/v1/chat/completions"] = (status, {})

    assert progress.answers_token(endpoint.url, "org/model")
    assert endpoint.asked[-1][1]["max_tokens"] == 1


def test_b16_no_question_waits_for_ever(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUICK", 0.2)
    monkeypatch.setattr(progress, "COMPLETION", 0.2)
    endpoint.delays = {"/metrics": 30.0, "/v1/chat/completions": 30.0}

    assert progress.counters(endpoint.url) is None
    assert not progress.answers_token(endpoint.url, "org/model")
