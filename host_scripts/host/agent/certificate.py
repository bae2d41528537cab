"""The last result of host/certificate, out of the file that it writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_DAY = 86_400.0
_LONGEST = 400  # characters of a problem


@dataclass(frozen=True, slots=True)
class Verdict:
    """problem: one sentence with its remedy; ends: seconds since the epoch. None: unknown."""

    problem: str | None = None
    ends: float | None = None

    def days_left(self, now: float) -> float | None:
        return None if self.ends is None else (self.ends - now) / _DAY


def load(file: Path | None) -> Verdict:
    try:
        found = json.loads(file.read_text()) if file else {}
        problem, ends = found.get("problem"), found.get("not_after")
        return Verdict(
            problem=str(problem)[:_LONGEST] if problem else None,
            ends=datetime.fromisoformat(ends).timestamp() if ends else None,
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return Verdict()
