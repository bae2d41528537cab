"""Which of our units do not stay up, by systemd, and why, by the journal. Reads only."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from host.machine import causes
from host.machine.systemd import cause, entries, parse

log = logging.getLogger("lamplighter.agent")

EVERY = 5.0  # seconds: two processes for each look

_LINES = 400  # of the journal: an engine that fails writes a traceback, and that of its worker
_SHARDS = re.compile(r"(\d{1,3})% Completed")


@dataclass(frozen=True, slots=True)
class Down:
    """why: the cause, with its remedy where one is known; gave_up: systemd does not restart it.

    blame: what has to change, as machine/causes.py has it.
    """

    why: str
    gave_up: bool
    blame: str | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """ends: how often it exited by itself since it last served, as far as this agent saw."""

    name: str
    state: str
    run: str
    restarts: int
    ends: int

    @property
    def is_up(self) -> bool:
        return self.state == "running"


class Units:
    """run: see run() below; now: seconds."""

    def __init__(
        self, units: Sequence[str], now: Callable[[], float], run: Callable[[Sequence[str]], str]
    ) -> None:
        self._units, self._now, self._run = units, now, run
        self._served_with: dict[str, int] = {}  # restarts before it last served: not counted
        self._seen: list[Unit] = []
        self._down: Down | None = None
        self._percent: int | None = None
        self._is_silent = False
        self._next = self._next_percent = float("-inf")

    def down(self) -> Down | None:
        """Return what keeps a unit down, or None; at most five seconds old."""
        self._refresh()
        return self._down

    def served(self) -> None:
        """Note that all of them serve now: earlier exits do not count any more."""
        self._served_with = {unit.name: unit.restarts for unit in self._seen}

    def loaded_percent(self) -> int | None:
        """Return how much of its weights the first unit has loaded; None while it logs none.

        At most five seconds old.
        """
        if self._now() >= self._next_percent:
            self._next_percent = self._now() + EVERY
            self._percent = self._loaded(self._seen[0]) if self._seen else None
        return self._percent

    def _loaded(self, unit: Unit) -> int | None:
        if not unit.is_up:
            return None
        said = [text for run, text in self._journal(unit.name) if run == unit.run]
        shards = _SHARDS.findall("\n".join(said))
        return min(int(shards[-1]), 100) if shards else None

    def _refresh(self) -> None:
        if not self._units or self._now() < self._next:
            return
        self._next = self._now() + EVERY
        asked = "--property=Id,SubState,InvocationID,NRestarts"
        shown = self._run(["systemctl", "show", asked, *self._units])
        if not shown and not self._is_silent:
            log.warning("systemd does not answer: whether a unit gave up is not known")
        self._is_silent = not shown
        self._seen = [self._unit(block) for block in parse(shown) if "Id" in block]
        found = (self._explain(unit) for unit in self._seen)
        self._down = next((down for down in found if down), None)

    def _unit(self, block: dict[str, str]) -> Unit:
        name, restarts = block["Id"], int(block.get("NRestarts") or 0)
        forgiven = min(self._served_with.get(name, 0), restarts)
        state = block.get("SubState", "")
        ends = restarts - forgiven + (state in {"auto-restart", "failed"})
        return Unit(name, state, block.get("InvocationID", ""), restarts, ends)

    def _explain(self, unit: Unit) -> Down | None:
        if unit.state == "failed":
            lines = self._last_lines(unit)
            said = "\n".join(lines)
            known = causes.diagnosed(said, unit.ends)
            text = f"{unit.name} gave up after {unit.restarts} restarts: {known or cause(lines)}"
            return Down(text, gave_up=True, blame=causes.blame(said) if known else None)
        if unit.ends == 0:
            return None
        said = "\n".join(self._last_lines(unit))
        why_not = causes.diagnosed(said, unit.ends)
        if why_not is None:
            return None
        text = f"{unit.name} does not start: {why_not}"
        return Down(text, gave_up=False, blame=causes.blame(said))

    def _last_lines(self, unit: Unit) -> list[str]:
        """Return what it logged in the last run that ended."""
        lines = self._journal(unit.name)
        ended = [run for run, _ in lines if run and not (unit.is_up and run == unit.run)]
        return [text for run, text in lines if run == ended[-1]] if ended else []

    def _journal(self, name: str) -> list[tuple[str, str]]:
        """Return (run, line) of the process itself, oldest first."""
        fields = "--output-fields=MESSAGE,_SYSTEMD_INVOCATION_ID"
        shape = ["--output=json", "--all", fields, "--no-pager"]
        return entries(self._run(["journalctl", "--unit", name, f"--lines={_LINES}", *shape]))
