"""One run of a scenario, and at each of its AWS calls a fork in which that call goes wrong.

The fork goes on to the scenario's end: every point costs only what comes after it.
"""

from __future__ import annotations

import gc
import os
import pickle
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from awssim.calls import Call
from awssim.faults import Crash, Faults, Refusal, When
from botocore.exceptions import ReadTimeoutError
from simlab import World


@dataclass(frozen=True, slots=True)
class Point:
    """A fault at a call: the call's number, and how it goes wrong."""

    scenario: str
    fault: str
    number: int

    def __str__(self) -> str:
        return f"{self.scenario} {self.fault} {self.number}"


# Whether to try this point at this call; whether it is the first call of its function.
Wanted = Callable[[Point, Call, bool], bool]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one point. what: the call. failure: empty if the scenario ended well."""

    point: Point
    what: str
    seconds: float
    failure: str = ""


def _dies(_: Call) -> BaseException:
    return Crash("the function died")


def _no_reply(_: Call) -> BaseException:
    return ReadTimeoutError(endpoint_url="https://aws")


def _throttled(call: Call) -> BaseException:
    return Refusal("RequestLimitExceeded", "Request limit exceeded.", 503).of(call.operation)


def _broken(call: Call) -> BaseException:
    return Refusal("InternalError", "An internal error has occurred.", 500).of(call.operation)


# How a call goes wrong: before its effect or after it, and what its caller sees.
FAULTS: dict[str, tuple[When, Callable[[Call], BaseException]]] = {
    "dies-before": ("before", _dies),
    "dies-after": ("after", _dies),
    "reply-lost": ("after", _no_reply),
    "throttled": ("before", _throttled),
    "server-error": ("before", _broken),
    "aborted": ("after", _dies),  # and an operator stops the workflow that called
}


@dataclass(slots=True)
class Children:
    """Runs children, so many at a time; `ended` gets each one's outcome."""

    limit: int
    ended: Callable[[Outcome], None]
    is_child: bool = False
    _running: dict[int, tuple[int, Point, str, float]] = field(default_factory=dict)
    _answer: int = -1

    def fork(self, point: Point, what: str) -> bool:
        """Return whether this is the child."""
        while len(self._running) >= self.limit:
            self._reap()
        ours, theirs = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            gc.disable()  # it lives for seconds
            self.is_child, self._answer = True, theirs
            return True
        os.close(theirs)
        self._running[pid] = (ours, point, what, time.monotonic())
        return False

    def end(self, failure: str) -> None:
        """In the child: say how it went, and end."""
        os.write(self._answer, pickle.dumps(failure[-15_000:]))  # fits into a pipe
        os._exit(0)

    def wait(self) -> None:
        while self._running:
            self._reap()

    def _reap(self) -> None:
        pid, _ = os.wait()
        pipe, point, what, began = self._running.pop(pid)
        with os.fdopen(pipe, "rb") as reader:
            said = reader.read()
        failure = pickle.loads(said) if said else "the child ended without a word"  # noqa: S301 - our own child's
        self.ended(Outcome(point, what, time.monotonic() - began, failure))


class ForkedFaults(Faults):
    """In the place of an account's faults: forks at every wanted point, and lets the parent go on.

    abort: stops the workflow that is running. invocations: how many functions have been started.
    """

    def __init__(
        self,
        scenario: str,
        children: Children,
        wanted: Wanted,
        abort: Callable[[], None],
        invocations: Callable[[], int],
    ) -> None:
        super().__init__()
        self._scenario, self._children = scenario, children
        self._wanted, self._abort = wanted, abort
        self._invocations, self._last, self._is_first = invocations, 0, False

    def meet(self, call: Call, when: When) -> None:
        super().meet(call, when)
        if self._children.is_child:
            return
        if when == "before":
            self._is_first = self._invocations() != self._last
            self._last = self._invocations()
        for name, (at, error) in FAULTS.items():
            point = Point(self._scenario, name, call.number)
            if at != when or not self._wanted(point, call, self._is_first):
                continue
            if self._children.fork(point, str(call)):
                if name == "aborted":
                    self._abort()
                raise error(call)


@contextmanager
def reported(children: Children) -> Iterator[None]:
    """Around a scenario: a child ends here, a failure of the parent's own run goes on."""
    failure = ""
    try:
        yield
    except BaseException:
        if not children.is_child:
            raise
        failure = traceback.format_exc()
    if children.is_child:
        children.end(failure)


def seeded(
    children: Children,
    point: Point,
    world: World,
    act: Callable[[World, random.Random], None],
) -> None:
    """Fork a child that acts with the point's number as its seed; return in the parent."""
    if not children.fork(point, ""):
        return
    failure = ""
    try:
        act(world, random.Random(point.number))  # noqa: S311 - no secret
    except BaseException:  # noqa: BLE001 - whatever it is, the child says so and ends
        failure = f"{str(world.history)[-8_000:]}\n{traceback.format_exc()}"
    children.end(failure)
