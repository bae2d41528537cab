"""Write how far the engine is, for the gateway's `Retry-After`, and from when on it refuses.

One JSON line {"phase", "percent", "eta_seconds", "at", "drain"} beside the gateway's keys. The
estimate is how long the engine took to load last time; null for the first time. drain is the order
in force, {"refuse_from", "retry_after_seconds"}, or null.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path

from host.agent.phases import State
from host.agent.reporter import stamp
from host.drain.order import Drain
from host.machine.files import write

EVERY = 5.0  # seconds: the gateway trusts a fresh line only
_ENGINE_IS_AWAY = {"loading", "unhealthy"}

log = logging.getLogger("lamplighter.agent")


class Status:
    """wall: seconds since the epoch; file: None writes nothing."""

    def __init__(self, file: Path | None, wall: Callable[[], float]) -> None:
        self._file, self._wall = file, wall
        self._away_since: float | None = None  # when the engine was last seen to start loading
        self._took: float | None = None
        self._shown: object = None
        self._next = float("-inf")

    def show(self, state: State, now: float, drain: Drain | None = None) -> None:
        """Write the line when it is new, and again while the engine is awaited."""
        self._learn(state, now)
        due = now >= self._next and not state.is_serving
        shown = (state.said, drain)
        if self._file is None or (shown == self._shown and not due):
            return
        line = {
            "phase": state.phase,
            "percent": state.percent,
            "eta_seconds": self._eta(now),
            "at": stamp(self._wall()),
            "drain": drain
            and {
                "refuse_from": stamp(drain.refuse_from),
                "retry_after_seconds": drain.retry_after_seconds,
            },
        }
        try:
            write(self._file, json.dumps(line) + "\n")
        except OSError as error:
            log.warning("status not written file=%s error=%s", self._file, error.strerror)
        self._shown, self._next = shown, now + EVERY

    def _learn(self, state: State, now: float) -> None:
        if state.phase in _ENGINE_IS_AWAY:
            self._away_since = now if self._away_since is None else self._away_since
            return
        if state.is_serving and self._away_since is not None:
            self._took = now - self._away_since
        self._away_since = None

    def _eta(self, now: float) -> int | None:
        """Return the seconds left; None when unknown, or when it takes longer than last time."""
        if self._took is None or self._away_since is None:
            return None
        left = self._took - (now - self._away_since)
        return math.ceil(left) if left > 0 else None
