"""Ask systemd whether it gave up on one of our units, and the journal why. Never repairs."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from .masking import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EVERY = 5.0  # seconds: two processes for each look

_ERROR = re.compile(r"\w+Error\b|out of memory|^error:", re.IGNORECASE)
_LONGEST = 600  # characters of a cause


class Units:
    def __init__(
        self, units: Sequence[str], now: Callable[[], float], run: Callable[[Sequence[str]], str]
    ) -> None:
        self._units, self._now, self._run = units, now, run
        self._answer: str | None = None
        self._next = float("-inf")

    def gave_up(self) -> str | None:
        """Return why a unit stays down (its last errors), or None; at most five seconds old."""
        if self._units and self._now() >= self._next:
            self._next = self._now() + EVERY
            shown = self._run(
                ["systemctl", "show", "--property=Id,SubState,NRestarts", *self._units]
            )
            self._answer = self._explain(shown)
        return self._answer

    def _explain(self, shown: str) -> str | None:
        for unit in parse(shown):
            if unit.get("SubState") == "failed":
                name = unit["Id"]
                lines = self._run(
                    ["journalctl", "--unit", name, "--lines=300", "--output=cat", "--no-pager"]
                )
                return f"{name} gave up after {unit['NRestarts']} restarts: {cause(lines)}"
        return None


def parse(shown: str) -> list[dict[str, str]]:
    """Read `systemctl show`: one block of Key=value lines a unit, an empty line between."""
    blocks = (block.splitlines() for block in shown.strip().split("\n\n") if block.strip())
    return [dict(line.split("=", 1) for line in block if "=" in line) for block in blocks]


def cause(journal: str) -> str:
    """Return the last three lines that name an error, else the last three; secrets masked."""
    lines = [line.strip() for line in journal.splitlines() if line.strip()]
    telling = [line for line in lines if _ERROR.search(line)] or lines
    text = masked(" | ".join(telling[-3:]))
    return text[:_LONGEST] or "its journal is empty"


def run(command: Sequence[str]) -> str:
    """Return what the command printed; a machine without systemd says nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
