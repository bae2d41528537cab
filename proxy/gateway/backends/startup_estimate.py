"""When will the engine be back: what the host's agent says, else what starts took so far.

The agent keeps one JSON object in a file: {"phase": "loading", "percent": 40, "eta_seconds": 55,
"at": "2026-11-23T20:00:00Z"}. It counts while it is fresh; all but `phase` may be missing.
"""

import time
from datetime import datetime
from pathlib import Path

import msgspec

DEFAULT_SECONDS = 30.0
LONGEST_SECONDS = 120
OVERDUE_SECONDS = 10.0  # the answer once a start takes longer than all before
FRESH_SECONDS = 60.0

_SERVING = "serving"
_WHOLE = 100


class _Said(msgspec.Struct, frozen=True):
    phase: str
    percent: float | None = None
    eta_seconds: float | None = None
    at: datetime | None = None


class StartupEstimate:
    """`look` reads the file, once a second; all else is arithmetic. Times are `time.time()`."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._said: _Said | None = None
        self._said_at = 0.0
        self._usual = DEFAULT_SECONDS
        self._began: float | None = None

    def look(self) -> None:
        """Read what the agent says now. A file that cannot be read says nothing."""
        if self._path is None:
            return
        try:
            self._said = msgspec.json.decode(self._path.read_bytes(), type=_Said)
            at = self._said.at
            self._said_at = at.timestamp() if at else self._path.stat().st_mtime
        except (OSError, ValueError, RecursionError):
            self._said = None

    def is_loading(self, now: float | None = None) -> bool:
        """Whether the agent says that the host is on its way up."""
        now = time.time() if now is None else now
        said = self._fresh(now)
        return said is not None and said.phase not in {_SERVING, "failed"}

    def began(self, now: float) -> None:
        """The engine is away since now."""
        self._began = now

    def ended(self, now: float) -> None:
        """The engine is back: half of what is expected next time is what it took now."""
        if self._began is not None:
            took = min(max(now - self._began, 1.0), LONGEST_SECONDS)
            self._usual, self._began = (self._usual + took) / 2, None

    def seconds_left(self, now: float | None = None) -> int:
        """Return 1 to 120."""
        now = time.time() if now is None else now
        said = self._fresh(now)
        left = self._expected(said, now)
        return round(min(max(left, 1), LONGEST_SECONDS))

    def _fresh(self, now: float) -> _Said | None:
        return self._said if abs(now - self._said_at) <= FRESH_SECONDS else None

    def _expected(self, said: _Said | None, now: float) -> float:
        if said and said.phase != _SERVING:
            if said.eta_seconds is not None:
                return said.eta_seconds - (now - self._said_at)
            if said.percent is not None:
                return self._usual * (1 - said.percent / _WHOLE)
        left = self._usual - (now - self._began if self._began is not None else 0.0)
        return left if left > 0 else OVERDUE_SECONDS
