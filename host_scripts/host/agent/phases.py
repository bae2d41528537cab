"""The phase machine: pure decisions, no clock, no network.

While the set-up runs, its spool gives the phase; then the host is loading until every check passes,
and serving. A serving host turns unhealthy after three dead checks in a row, or at once when a part
is known to be broken. A check that times out proves nothing: a saturated engine is busy, not dead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from host.probes.check import Check, Verdict

DEAD_AFTER = 3


@dataclass(frozen=True, slots=True)
class Broken:
    """A part that will not recover by itself, on a host that serves or seems to."""

    part: str
    why: str


@dataclass(frozen=True, slots=True)
class State:
    """phase, percent (0-100 or None) and cause are reported; dead_checks are those in a row.

    mends: the part whose restart may help an unhealthy host; urgent: it will not recover by itself.
    drain: draining or drained, and then reported in the place of the phase. blame: of a host that
    failed: what has to change.
    """

    phase: str
    percent: int | None = None
    cause: str | None = None
    dead_checks: int = 0
    mends: str | None = None
    urgent: bool = False
    drain: str | None = None
    blame: str | None = None

    @property
    def is_serving(self) -> bool:
        return self.phase == "serving"

    @property
    def said(self) -> tuple[str, int | None, str | None]:
        """What is reported: a change of it is sent at once."""
        return self.drain or self.phase, self.percent, self.cause


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the host; the first of these that is there decides."""

    setup: State | None = None  # the set-up is under way, or has failed
    gave_up: str | None = None  # why no repair on this host can help
    blame: str | None = None  # and what has to change: see machine/causes.py
    broken: Broken | None = None  # a broken part, which may answer all the same
    check: Check | None = None  # the result of the probes
    loading: tuple[str, int | None] | None = None  # phase and percent of an engine that loads


START = State("booting")


def decide(state: State, seen: Seen) -> State:
    """Return the state after this look."""
    if seen.setup is not None:
        return seen.setup
    if seen.gave_up is not None:
        return State("failed", cause=seen.gave_up, blame=seen.blame)
    if seen.broken is not None:
        return State("unhealthy", cause=seen.broken.why, mends=seen.broken.part, urgent=True)
    if seen.check is None or seen.check.verdict is Verdict.WORKS:
        return State("serving")
    if state.phase in {"serving", "unhealthy"}:
        return _served_before(state, seen.check)
    phase, percent = seen.loading or ("loading", None)
    return State(phase, percent, cause=seen.check.why)


def _served_before(state: State, check: Check) -> State:
    if check.verdict is Verdict.UNSURE:
        return state
    if not state.is_serving:  # the first cause stays; what is started again now, loads
        return replace(state, mends=check.mends, urgent=False)
    dead = state.dead_checks + 1
    if dead >= DEAD_AFTER:
        return State("unhealthy", cause=check.why, mends=check.mends)
    return State("serving", dead_checks=dead)
