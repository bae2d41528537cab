"""Decide when a host that stopped serving gets one part restarted, and when it has failed.

systemd restarts what has exited, so a part is given time first. A hanging engine never exits: it is
restarted at once. After three repairs in half an hour without effect the host has failed, and the
orchestrator replaces it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from host.agent import repairs
from host.agent.phases import State
from host.machine import requests

PAUSE = 90.0  # seconds for a repair to show

log = logging.getLogger("lamplighter.agent")


class Mender:
    """request, done: the files of repairs.py; without them nothing is repaired.

    patience: seconds that systemd has for a restart of its own; now: seconds.
    """

    def __init__(
        self,
        request: Path | None,
        done: Path | None,
        patience: float,
        now: Callable[[], float],
    ) -> None:
        self._request, self._done, self._now = request, done, now
        self._patience = patience
        self._since: float | None = None  # when the present outage began
        self._asked = float("-inf")

    def mend(self, state: State) -> State:
        """Ask for what the state needs; return the state to report."""
        if state.phase != "unhealthy":
            self._since = None
            return state
        now = self._now()
        self._since = now if self._since is None else self._since
        if state.mends is None or self._request is None or self._done is None:
            return state
        so_far = self.repairs(now)
        is_due = state.urgent or now - self._since >= self._patience
        if not is_due or now - self._asked < PAUSE:
            return state
        if so_far >= repairs.MOST:
            why = f"{state.cause}; {so_far} local repairs in half an hour did not help"
            return State("failed", cause=why)
        self._ask(self._request, state)
        return state

    def repairs(self, now: float) -> int:
        """Return how many parts were restarted in the last half hour."""
        return len(repairs.recent(self._done, now)) if self._done else 0

    def _ask(self, request: Path, state: State) -> None:
        self._asked = self._now()
        part, why = str(state.mends), str(state.cause)
        try:
            requests.leave(request, {"part": part, "why": why})
        except OSError as error:
            log.warning("repair not asked for part=%s error=%s", part, error.strerror)
            return
        log.warning("repair asked for part=%s because=%s", part, why)
