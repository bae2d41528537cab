"""The process dies before and after every single call; is the account the same in the end?

A step is a callable that takes the account; `run` crashes, `rerun` picks up what it left.
    re-run     sweep(provision)
    teardown   sweep(teardown, prepare=provision)
    abandoned  sweep(provision, rerun=teardown, expected={})
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from awssim.account import Account
from awssim.faults import Crash, When
from awssim.furnish import furnish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Step = Callable[[Account], object]
    Shape = Mapping[str, list[str]]

_PHASES: tuple[When, When] = ("before", "after")


@dataclass(frozen=True, slots=True)
class Failure:
    """One crash that was not survived. `difference`: kind -> (expected, found)."""

    call: str
    when: When
    difference: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Trial:
    run: Step
    rerun: Step
    prepared: bytes  # a snapshot of the account before `run`


def crash_points(run: Step, *, prepare: Step | None = None, tag_lag: float = 0) -> int:
    """How many calls `run` makes when nothing goes wrong: the calls to crash at are 1..n."""
    return _undisturbed(_Trial(run, run, _prepared(prepare, tag_lag)))[0]


def sweep(
    run: Step,
    rerun: Step | None = None,
    *,
    prepare: Step | None = None,
    expected: Shape | None = None,
    points: Iterable[int] | None = None,
    tag_lag: float = 0,
) -> list[Failure]:
    """Crashes `run` at each point in a fresh account, runs `rerun` (default: `run`) and compares.

    prepare: runs first, uncounted. expected: the account's shape in the end (default: as `run`
    leaves it undisturbed). points: call numbers (default: all). tag_lag: see Account.
    """
    trial = _Trial(run, rerun or run, _prepared(prepare, tag_lag))
    count, shape = _undisturbed(trial)
    wanted = shape if expected is None else expected
    numbers = range(1, count + 1) if points is None else points
    failures = (_crash(trial, number, when, wanted) for number in numbers for when in _PHASES)
    return [failure for failure in failures if failure is not None]


def _undisturbed(trial: _Trial) -> tuple[int, Shape]:
    with _restored(trial.prepared) as account:
        trial.run(account)
        return len(account.calls), account.shape()


def _crash(trial: _Trial, number: int, when: When, expected: Shape) -> Failure | None:
    with _restored(trial.prepared) as account:
        account.fault(number=number, when=when, crash=True)
        try:
            trial.run(account)
        except Crash:
            call = str(account.calls[-1])
        else:
            return Failure(str(number), when, error="the run made no such call, or survived it")
        try:
            trial.rerun(account)
        except Exception as error:  # noqa: BLE001  (however the rerun fails, that is the finding)
            return Failure(call, when, error=repr(error))
        difference = _difference(expected, account.shape())
        return Failure(call, when, difference) if difference else None


def _difference(expected: Shape, found: Shape) -> dict[str, tuple[list[str], list[str]]]:
    return {
        kind: (expected.get(kind, []), found.get(kind, []))
        for kind in sorted({*expected, *found})
        if expected.get(kind, []) != found.get(kind, [])
    }


def _prepared(prepare: Step | None, tag_lag: float) -> bytes:
    with Account(tag_lag=tag_lag).active() as account:
        furnish(account)
        if prepare is not None:
            with account.uncounted():
                prepare(account)
        return account.snapshot()


@contextmanager
def _restored(snapshot: bytes) -> Iterator[Account]:
    with Account().active() as account:
        account.restore(snapshot)
        yield account
