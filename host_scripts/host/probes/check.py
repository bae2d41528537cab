"""The result of a probe."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """It works, it is dead, or neither is proved (too slow, or an unexpected answer)."""

    WORKS = "works"
    DEAD = "dead"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Check:
    """mends: the part (repairs.PARTS) whose restart may help where the verdict is DEAD."""

    verdict: Verdict
    why: str | None = None
    mends: str | None = None
