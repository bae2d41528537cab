"""States that change by themselves as virtual time passes: pending -> available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awssim.clock import Clock


@dataclass(frozen=True, slots=True)
class _Passage:
    start: str
    end: str
    ends_at: float


class Lifecycle:
    """The current state of things by id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._passages: dict[str, _Passage] = {}

    def begin(self, thing: str, start: str, end: str, *, seconds: float) -> None:
        """`thing` is in `start` from now on, and in `end` after `seconds`."""
        self._passages[thing] = _Passage(start, end, self._clock.seconds + seconds)

    def begin_once(self, thing: str, start: str, end: str, *, seconds: float) -> None:
        """As `begin`, but a thing already known keeps its state (a replayed create)."""
        if thing not in self._passages:
            self.begin(thing, start, end, seconds=seconds)

    def state(self, thing: str) -> str:
        """Raises KeyError for a thing that never began."""
        passage = self._passages[thing]
        return passage.end if self._clock.seconds >= passage.ends_at else passage.start

    def knows(self, thing: str) -> bool:
        return thing in self._passages
