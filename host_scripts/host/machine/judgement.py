"""What the facts of this machine (facts.py) mean: a lost machine, a repair, or a warning.

Agent and diagnosis judge disk, memory and GPUs by the same functions. A GPU that is gone, or whose
driver failed for good, cannot be repaired on this host: restarting the container would loop. A
container that lost a GPU which the machine still has is restarted. The rest is a warning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FRESH = 180.0  # seconds: older facts are ignored; three gatherings may fail in a row

GIB = 1024**3
DISK_LEFT = 0.10  # a share below which the next image or model may not fit
# Low on purpose: an engine on the CPU takes nine tenths of the memory by design, and what the
# kernel can give back at once counts as free.
MEMORY_LEFT = 0.03

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
        """Return how many of the GPUs that the engine needs are missing."""
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
        found = json.loads(file.read_text())
        return _parse(found) if now - FRESH < found["at"] < now + FRESH else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _parse(found: dict[str, Any]) -> Facts:
    return Facts(
        disks={path: (each["free"], each["size"]) for path, each in found["disks"].items()},
        memory=(found["memory"]["free"], found["memory"]["size"]),
        gpus=found["gpus"] or {},
        xids={int(code): times for code, times in found["xids"].items()},
        oom_kills=found["oom_kills"],
        fetched=found["fetched"],
    )


def lost(facts: Facts | None, *, serves: bool) -> str | None:
    """Return why no repair on this machine can help, or None."""
    if facts is None:
        return None
    xids = "".join(f", Xid {code}: {BROKEN[code]}" for code in facts.broken)
    if lost_gpu := missing_gpus(facts.gpus.get("wanted"), facts.gpus.get("here"), xids):
        return lost_gpu
    if facts.broken and not serves:
        return f"a GPU is broken{xids}; this machine must be replaced"
    return None


def missing_gpus(wanted: int | None, here: int | None, why: str = "") -> str | None:
    """Return a sentence when fewer GPUs answer than the engine wants; why: ", Xid ..." or empty."""
    if wanted is None or here is None or here >= wanted:
        return None
    return f"a GPU is lost: {here} of {wanted} answer{why}; this machine must be replaced"


def without_gpu(facts: Facts | None) -> str | None:
    """Return why the engine's container must be recreated, or None."""
    if facts is None or not facts.missing_in_container:
        return None
    seen, wanted = facts.gpus["in_container"], facts.gpus["wanted"]
    return f"the engine's container sees {seen} of {wanted} GPUs that this machine has"


def warnings(facts: Facts | None) -> tuple[str, ...]:
    """Return what an operator should know of a machine that may serve."""
    return () if facts is None else (*_full(facts), *_kernel(facts))


def _full(facts: Facts) -> list[str]:
    disks = (full_disk(path, *disk) for path, disk in facts.disks.items())
    return [sentence for sentence in (*disks, full_memory(*facts.memory)) if sentence]


def full_disk(folder: str, free: float, size: float) -> str | None:
    """Return a sentence when too little is free; free, size: bytes."""
    if not size or free >= size * DISK_LEFT:
        return None
    return (
        f"the disk of {folder} has {free / GIB:.1f} of {size / GIB:.0f} GiB free: "
        "raise instance.root_volume_gib"
    )


def full_memory(free: float, size: float) -> str | None:
    """Return a sentence when too little is free; free, size: bytes."""
    if free >= size * MEMORY_LEFT:
        return None
    return (
        f"{free / GIB:.1f} of {size / GIB:.0f} GiB memory are free: "
        "choose an instance.type with more"
    )


def _kernel(facts: Facts) -> list[str]:
    found = [
        f"Xid {code} ({BROKEN[code]}) since the boot: a GPU of this machine is about to fail"
        for code in facts.broken
    ]
    if facts.oom_kills:
        found.append(
            "the kernel killed a program for lack of memory: choose a larger instance.type"
        )
    return found
