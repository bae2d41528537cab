"""What one look at one layer of the chain proves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What one check proves: it works, it is dead, or neither (too slow, or another matter)."""

    WORKS = "works"
    DEAD = "dead"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Check:
    """mends: the part (repairs.PARTS) whose restart may help where the verdict is DEAD."""

    verdict: Verdict
    why: str | None = None
    mends: str | None = None
