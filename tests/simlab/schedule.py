"""The one clock of a simulation, and what is to happen when."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from awssim.clock import Clock


class OutOfTime(BaseException):
    """The Lambda function's timeout has passed. No `except Exception` of its code can catch it."""


class VirtualClock(Clock):
    """Moves to the next thing that is due. deadline: when the running Lambda function is killed."""

    deadline = math.inf

    def advance(self, seconds: float) -> None:
        """Raise OutOfTime, at the deadline, instead of passing it."""
        if self.seconds + seconds > self.deadline:
            super().advance(max(0.0, self.deadline - self.seconds))
            raise OutOfTime
        super().advance(seconds)


@dataclass(order=True, slots=True)
class Timer:
    """One thing that is due; equal times keep the order in which they were asked for."""

    when: float
    number: int
    act: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.act = None


class Schedule:
    """watch: called after each thing that happened."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.watch: Callable[[], None] = lambda: None
        self._timers: list[Timer] = []
        self._numbers = itertools.count()

    def at(self, when: float, act: Callable[[], None]) -> Timer:
        timer = Timer(when, next(self._numbers), act)
        heapq.heappush(self._timers, timer)
        return timer

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        return self.at(self.clock.seconds + seconds, act)

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass up to `until`, or until `done`.

        What takes time itself (a Lambda function) may move the clock beyond what is due next:
        that happens late, as behind a busy processor.
        """
        while not done() and self._timers and self._timers[0].when <= until:
            timer = heapq.heappop(self._timers)
            if timer.act is None:
                continue
            self._move_to(timer.when)
            timer.act()
            self.watch()
        if not done():
            self._move_to(until)

    def _move_to(self, when: float) -> None:
        self.clock.advance(max(0.0, when - self.clock.seconds))
