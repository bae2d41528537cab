"""States that change by themselves as the account's time passes: pending -> available."""

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
        self._under_way: set[str] = set()
        self._unread: list[tuple[str, str]] = []

    def begin(self, thing: str, start: str, end: str, *, seconds: float) -> None:
        """`thing` is in `start` from now on, and in `end` after `seconds`."""
        self._note_ends()
        self._passages[thing] = _Passage(start, end, self._clock.seconds + seconds)
        self._under_way.add(thing)
        self._unread.append((thing, start))

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

    def changes(self) -> list[tuple[str, str]]:
        """Return each (thing, state) that was entered since the last call, in order."""
        self._note_ends()
        unread, self._unread = self._unread, []
        return unread

    def next_end(self) -> float | None:
        """Return when the next state is entered, in the clock's seconds, or None."""
        return min((self._passages[thing].ends_at for thing in self._under_way), default=None)

    def _note_ends(self) -> None:
        """A passage that another one replaced before its end never enters that end."""
        ended = {thing for thing in self._under_way if self.state(thing) == self._end(thing)}
        self._unread += [(t, self._end(t)) for t in sorted(ended, key=self._ends_at)]
        self._under_way -= ended

    def _end(self, thing: str) -> str:
        return self._passages[thing].end

    def _ends_at(self, thing: str) -> float:
        return self._passages[thing].ends_at
