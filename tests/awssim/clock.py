"""The account's own time: it moves only when an AWS call is made or somebody sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Virtual time. `now` is the datetime to inject into code under test."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Seconds since the account was opened."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        """Stands in for `time.sleep`: returns at once, `seconds` later."""
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} s")
        self.seconds += seconds
