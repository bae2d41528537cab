"""When the authority may be asked again: 15 minutes after the first failure, then later and later.

Let's Encrypt counts five failed validations per host and hour; these are three at most.
https://letsencrypt.org/docs/rate-limits/
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from host.machine import files

_FIRST, _LONGEST = 900.0, 43_200.0  # seconds


@dataclass(frozen=True, slots=True)
class Tries:
    """after: seconds since the epoch."""

    failures: int = 0
    after: float = 0.0
    problem: str | None = None

    def are_due(self, now: float) -> bool:
        """Return whether the pause is over, or longer than any: then the clock was set back."""
        return now >= self.after or self.after - now > _LONGEST

    def failed(self, now: float, problem: str) -> Tries:
        pause = min(_FIRST * 2 ** min(self.failures, 10), _LONGEST)
        return Tries(self.failures + 1, now + pause, problem)


def load(path: Path) -> Tries:
    """Return what was written; no failure for no file, or one that is damaged."""
    try:
        found = json.loads(path.read_text())
        return Tries(int(found["failures"]), float(found["after"]), str(found["problem"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Tries()


def save(path: Path, tries: Tries) -> None:
    if not tries.failures:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(path, json.dumps(asdict(tries)), 0o600)
