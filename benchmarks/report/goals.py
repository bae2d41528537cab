"""What the gateway promises about its cost, and whether a run kept it."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.report.summary import Summary

GATEWAY, BOTH = "gateway", "nginx+gateway"
_SGLANG, _LITELLM = "sglang-router", "litellm"
_STREAMS, _REQUESTS = "streams512", "requests"
_UNITS = {_STREAMS: "chunk", _REQUESTS: "request"}


@dataclass(frozen=True, slots=True)
class Goal:
    """`value` is None if the run had not what it takes."""

    text: str
    value: Callable[[Summary], float | None]
    limit: float
    at_most: bool = True

    def is_met_by(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True, slots=True)
class Verdict:
    text: str
    limit: str
    value: float | None
    met: bool | None  # None: not measured


def judge(summary: Summary) -> list[Verdict]:
    """Return one verdict per goal; one whose parts were not measured is neither met nor missed."""
    return [_verdict(goal, goal.value(summary)) for goal in GOALS]


def _verdict(goal: Goal, value: float | None) -> Verdict:
    limit = f"{'<=' if goal.at_most else '>='} {goal.limit:g}"
    met = None if value is None else goal.is_met_by(value)
    return Verdict(text=goal.text, limit=limit, value=value, met=met)


def _as_cheap_as(target: str, load: str, times: float) -> Goal:
    return Goal(
        f"{target}: CPU per {_UNITS[load]}, as a multiple of {_SGLANG}'s",
        lambda summary: summary.ratio(target, _SGLANG, load),
        times,
    )


def _cheaper(load: str, times: float) -> Goal:
    return Goal(
        f"{GATEWAY}: {_LITELLM}'s CPU per {_UNITS[load]}, as a multiple of ours",
        lambda summary: summary.ratio(_LITELLM, GATEWAY, load),
        times,
        at_most=False,
    )


def _memory(target: str, mebibytes: float) -> Goal:
    return Goal(
        f"{target}: MiB resident at 512 streams",
        lambda summary: _peak(summary, target),
        mebibytes,
    )


def _peak(summary: Summary, target: str) -> float | None:
    cost = summary.cost(target, _STREAMS)
    return None if cost is None else cost.peak_mib


def _no_errors(target: str) -> Goal:
    return Goal(f"{target}: errors under all loads", lambda summary: _errors(summary, target), 0)


def _errors(summary: Summary, target: str) -> float | None:
    costs = summary.of_target(target)
    return sum(cost.errors for cost in costs) if costs else None


GOALS = (
    _as_cheap_as(GATEWAY, _STREAMS, 1.0),
    _as_cheap_as(GATEWAY, _REQUESTS, 1.2),
    _as_cheap_as(BOTH, _STREAMS, 1.7),
    _as_cheap_as(BOTH, _REQUESTS, 1.7),
    _cheaper(_STREAMS, 18),
    _cheaper(_REQUESTS, 100),
    _memory(GATEWAY, 120),
    _memory(BOTH, 120),
    _no_errors(GATEWAY),
    _no_errors(BOTH),
)
