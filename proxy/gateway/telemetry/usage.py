"""Count what each key uses, by UTC day and since ever, and keep it over restarts.

A crash loses what came after the last save. `save` may run in a thread: a book is encoded in one
step that no other thread interrupts, and a new day makes a new book instead of changing the old.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from gateway.core.log import logger
from gateway.core.request_record import RequestRecord
from gateway.telemetry.usage_file import Book, Counts, read, write

DAY_SECONDS = 86_400
KEPT_DAYS = 31
KEPT_IDS = 10_000  # beside those of today
REST = "*"  # no key has this id: the sums of those that were used too long ago to be kept

_ERRORS_FROM = 400
_CLIENT_LEFT = 499


class Usage:
    """The counts of one file; without a path they are forgotten at the end."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._saving = threading.Lock()
        self._is_dirty = False
        self._is_failing = False
        self._day = int(clock() // DAY_SECONDS)
        self._book = (read(path) if path else None) or Book(_date(self._day))
        if self._book.day != _date(self._day):
            self._begin(self._day)

    def record(self, record: RequestRecord) -> None:
        """Count a request that has ended, if its key is known."""
        key_id = record.key_id
        if key_id is None:
            return
        self._look_at_clock()
        counts = self._book.today.get(key_id)
        if counts is None:
            counts = self._book.today[key_id] = Counts()
        counts.requests += 1
        counts.prompt_tokens += record.prompt_tokens or 0
        counts.completion_tokens += record.completion_tokens or 0
        counts.errors += _is_error(record)
        self._is_dirty = True

    def today(self, key_id: str) -> int:
        """Return the tokens that the key has used since midnight UTC."""
        self._look_at_clock()
        counts = self._book.today.get(key_id)
        return 0 if counts is None else counts.prompt_tokens + counts.completion_tokens

    def of(self, key_id: str) -> dict[str, Any]:
        """Return {"today": counts, "total": counts} of one key."""
        self._look_at_clock()
        today = self._book.today.get(key_id, Counts())
        total = self._book.before.get(key_id, Counts()) + today
        return {"today": msgspec.to_builtins(today), "total": msgspec.to_builtins(total)}

    def summary(self) -> dict[str, Any]:
        """Return what `of` returns, for every key id."""
        self._look_at_clock()
        return {
            key_id: self.of(key_id) for key_id in sorted({*self._book.before, *self._book.today})
        }

    def save(self) -> None:
        """Write the file if anything changed. A failure is logged once, and tried again."""
        if self._path is None or not self._is_dirty:
            return
        with self._saving:
            self._is_dirty = False
            try:
                write(self._path, self._book)
            except OSError as error:
                self._is_dirty = True
                if not self._is_failing:
                    logger.warning("usage not saved in %s: %s", self._path, error.strerror)
                self._is_failing = True
            else:
                self._is_failing = False

    def _look_at_clock(self) -> None:
        day = int(self._clock() // DAY_SECONDS)
        if day > self._day:  # a clock that is set back changes nothing
            self._begin(day)

    def _begin(self, day: int) -> None:
        """Close the book's day and open another."""
        last = self._book
        before = dict(last.before)
        for key_id, counts in last.today.items():
            before[key_id] = before.pop(key_id, Counts()) + counts
        _shorten(before)
        history = last.history | {last.day: Raw(msgspec.json.encode(last.today))}
        kept = sorted(history)[-KEPT_DAYS:]
        self._book = Book(_date(day), {}, before, {each: history[each] for each in kept})
        self._day = day
        self._is_dirty = True


def _is_error(record: RequestRecord) -> bool:
    """Whether it failed; a client that left did so by its own will."""
    is_failure = record.status >= _ERRORS_FROM and record.status != _CLIENT_LEFT
    return is_failure or record.error is not None


def _shorten(before: dict[str, Counts]) -> None:
    """Merge the oldest counts into one entry, as far as there are too many."""
    rest = before.pop(REST, Counts())
    while len(before) > KEPT_IDS:
        rest += before.pop(next(iter(before)))
    if rest.requests:
        before[REST] = rest


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * DAY_SECONDS, UTC).date()
