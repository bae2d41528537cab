"""What the host's agent reports: when the engine will be back, and whether the host drains.

The agent keeps one JSON object in a file: {"phase": "loading", "percent": 40, "eta_seconds": 55,
"at": "2026-11-23T20:00:00Z"}. It counts while it is fresh; all but `phase` may be missing. Without
it the engine is expected after as long as its starts took so far.

{"drain": {"refuse_from": "2026-11-23T20:02:00Z", "retry_after_seconds": 30}} is an order to hand
the clients over to another host. It counts for as long as it is in the file, however old.
"""

import math
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from gateway.core.errors import HostDraining

DEFAULT_SECONDS = 30.0
LONGEST_SECONDS = 3600
OVERDUE_SECONDS = 10.0  # the answer once a start takes longer than all before
FRESH_SECONDS = 60.0

_SERVING = "serving"
_WHOLE = 100


class _Drain(msgspec.Struct, frozen=True):
    refuse_from: Annotated[datetime, msgspec.Meta(tz=True)]
    retry_after_seconds: Annotated[int, msgspec.Meta(ge=0)]


class _Report(msgspec.Struct, frozen=True):
    phase: str
    percent: float | None = None
    eta_seconds: float | None = None
    at: datetime | None = None
    drain: _Drain | None = None


class HostStatus:
    """`read` reads the file, once a second; all else is arithmetic. Times are `time.time()`."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._report: _Report | None = None
        self._reported_at = 0.0
        self._refuse_from, self._retry_after = math.inf, 0
        self._usual = DEFAULT_SECONDS
        self._began: float | None = None

    def read(self) -> None:
        """Read the agent's file. One that cannot be read is ignored."""
        if self._path is None:
            return
        try:
            self._report = msgspec.json.decode(self._path.read_bytes(), type=_Report)
            at = self._report.at
            self._reported_at = at.timestamp() if at else self._path.stat().st_mtime
        except (OSError, ValueError, RecursionError):
            self._report = None
        drain = self._report.drain if self._report else None
        self._refuse_from = drain.refuse_from.timestamp() if drain else math.inf
        self._retry_after = drain.retry_after_seconds if drain else 0

    def is_draining(self, now: float | None = None) -> bool:
        """Whether new inference requests are refused."""
        return (time.time() if now is None else now) >= self._refuse_from

    def check_draining(self, now: float) -> None:
        """Raises HostDraining."""
        if now >= self._refuse_from:
            raise HostDraining(
                "This host takes no new requests: another one takes over. Ask again after the time "
                "that Retry-After names.",
                seconds=self._retry_after,
            )

    def is_loading(self, now: float | None = None) -> bool:
        """Whether the agent reports that the host is starting."""
        now = time.time() if now is None else now
        report = self._fresh(now)
        return report is not None and report.phase not in {_SERVING, "failed"}

    def began(self, now: float) -> None:
        """The engine is away since now."""
        self._began = now

    def ended(self, now: float) -> None:
        """The engine is back: half of what is expected next time is what it took now."""
        if self._began is not None:
            took = min(max(now - self._began, 1.0), LONGEST_SECONDS)
            self._usual, self._began = (self._usual + took) / 2, None

    def seconds_left(self, now: float | None = None) -> int:
        """Return 1 to 3600."""
        now = time.time() if now is None else now
        report = self._fresh(now)
        left = self._expected(report, now)
        return round(min(max(left, 1), LONGEST_SECONDS))

    def _fresh(self, now: float) -> _Report | None:
        return self._report if abs(now - self._reported_at) <= FRESH_SECONDS else None

    def _expected(self, report: _Report | None, now: float) -> float:
        if report and report.phase != _SERVING:
            if report.eta_seconds is not None:
                return report.eta_seconds - (now - self._reported_at)
            if report.percent is not None:
                return self._usual * (1 - report.percent / _WHOLE)
        left = self._usual - (now - self._began if self._began is not None else 0.0)
        return left if left > 0 else OVERDUE_SECONDS
