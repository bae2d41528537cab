"""What the facts of this machine (facts.py) mean: lost, to be repaired, or worth a warning.

A GPU that is gone, or in whose driver something broke for good, is no matter for this host: the
container would be started again in a loop. A container that lost the GPU which its machine still
has is started again. Everything else is said, and nothing is done about it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FRESH = 180.0  # seconds: three looks may fail before what was seen is of no use any more

GIB = 1024**3
_DISK_LEFT, _MEMORY_LEFT = 0.10, 0.03  # shares that are too little

# Xids after which a GPU needs a reset or its machine a restart, whatever runs on it; what a program
# can cause by itself (13, 31, 43, 45 ...) is not among them.
# https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html
BROKEN = {
    48: "uncorrectable memory error",
    62: "internal controller halted",
    64: "memory row could not be remapped",
    74: "NVLink error",
    79: "GPU fell off the bus",
    95: "uncontained memory error",
    119: "the GPU's processor does not answer",
    120: "the GPU's processor failed",
    140: "unrecovered memory error",
    143: "GPU could not be initialised",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """disks: folder -> (free, size), bytes; gpus: see facts.py; xids: code -> times."""

    disks: dict[str, tuple[int, int]]
    memory: tuple[int, int]
    gpus: dict[str, int | None] = field(default_factory=dict)
    xids: dict[int, int] = field(default_factory=dict)
    oom_kills: int = 0
    fetched: int = 0

    @property
    def missing(self) -> int:
        """Return how many GPUs are not here that the engine wants."""
        return self._lack("here")

    @property
    def missing_in_container(self) -> int:
        return self._lack("in_container")

    def _lack(self, where: str) -> int:
        wanted, seen = self.gpus.get("wanted"), self.gpus.get(where)
        return max(0, wanted - seen) if wanted is not None and seen is not None else 0

    @property
    def broken(self) -> list[int]:
        return sorted(self.xids.keys() & BROKEN.keys())


def load(file: Path | None, now: float) -> Facts | None:
    """Return the facts; None for none yet, old or damaged ones. now: seconds since the epoch."""
    if file is None:
        return None
    try:
        told = json.loads(file.read_text())
        return _parse(told) if now - FRESH < told["at"] < now + FRESH else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _parse(told: dict[str, Any]) -> Facts:
    return Facts(
        disks={path: (each["free"], each["size"]) for path, each in told["disks"].items()},
        memory=(told["memory"]["free"], told["memory"]["size"]),
        gpus=told["gpus"] or {},
        xids={int(code): times for code, times in told["xids"].items()},
        oom_kills=told["oom_kills"],
        fetched=told["fetched"],
    )


def lost(facts: Facts | None, *, serves: bool) -> str | None:
    """Return why nothing on this machine will help, or None."""
    if facts is None:
        return None
    xids = "".join(f", Xid {code}: {BROKEN[code]}" for code in facts.broken)
    if facts.missing:
        here, wanted = facts.gpus["here"], facts.gpus["wanted"]
        return f"a GPU is lost: {here} of {wanted} answer{xids}; this machine must be replaced"
    if facts.broken and not serves:
        return f"a GPU is broken{xids}; this machine must be replaced"
    return None


def without_gpu(facts: Facts | None) -> str | None:
    """Return why the engine's container must be made anew, or None."""
    if facts is None or not facts.missing_in_container:
        return None
    seen, wanted = facts.gpus["in_container"], facts.gpus["wanted"]
    return f"the engine's container sees {seen} of {wanted} GPUs that this machine has"


def warnings(facts: Facts | None) -> tuple[str, ...]:
    """Return what an operator should know of a machine that serves all the same."""
    return () if facts is None else (*_full(facts), *_kernel(facts))


def _full(facts: Facts) -> list[str]:
    full = [
        f"the disk of {path} has {free / GIB:.1f} of {size / GIB:.0f} GiB free: "
        "raise instance.root_volume_gib"
        for path, (free, size) in facts.disks.items()
        if size and free < size * _DISK_LEFT
    ]
    free, size = facts.memory
    if free < size * _MEMORY_LEFT:
        full.append(f"{free / GIB:.1f} of {size / GIB:.0f} GiB memory are free")
    return full


def _kernel(facts: Facts) -> list[str]:
    found = [
        f"Xid {code} ({BROKEN[code]}) since the boot: a GPU of this machine is about to fail"
        for code in facts.broken
    ]
    if facts.oom_kills:
        found.append("the kernel ended a program for want of memory: choose a larger instance.type")
    return found
