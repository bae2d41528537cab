"""The account's own time: virtual in tests, running in a server."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Virtual time: moves only when an AWS call is made or the code under test sleeps."""

    def __init__(self) -> None:
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the account was opened."""
        return self._seconds

    def now(self) -> datetime:
        """Return the datetime to inject into code under test."""
        return START + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        """Stands in for `time.sleep`: returns at once, `seconds` later."""
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} s")
        self._seconds += seconds

    def set(self, seconds: float) -> None:
        """Go to the time of a snapshot."""
        self._seconds = seconds


class RunningClock(Clock):
    """Runs by itself, `rate` times as fast as this machine's."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._seconds + (time.monotonic() - self._began) * self.rate

    def now(self) -> datetime:
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Nothing: time passes anyway."""

    def set(self, seconds: float) -> None:
        super().set(seconds)
        self._began = time.monotonic()
