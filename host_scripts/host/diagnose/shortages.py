"""What the machine lacks: GPUs, disk, memory, a clock; and what its kernel complains of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from host.diagnose.values import at, fields, lines, number, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = 90  # percent
_MEMORY_LEFT = 0.05  # of all

_COMPLAINTS = {
    "a GPU's error": re.compile(r"\bXid\b"),
    "a program ended for want of memory": re.compile(r"oom-kill|Out of memory", re.IGNORECASE),
    "a disk's error": re.compile(r"I/O error|Remounting filesystem read-only", re.IGNORECASE),
}


def gpus(facts: dict[str, Any]) -> Iterator[str]:
    if at(facts, "settings", "ENGINE") != "gpu" or not isinstance(facts.get("gpus"), list):
        return
    here, wanted = len(facts["gpus"]), number(at(facts, "settings", "GPUS"))
    if wanted is not None and here < wanted:
        yield f"the engine wants {wanted:g} GPUs, the driver shows {here}"
    for gpu in rows(facts["gpus"]):
        if errors := number(gpu.get("ecc.errors.uncorrected.volatile.total")):
            yield f"GPU {gpu.get('index')} has {errors:g} memory errors that it could not correct"


def disks(facts: dict[str, Any]) -> Iterator[str]:
    for disk in rows(facts.get("disks")):
        folder = disk.get("folder")
        if (used := number(disk.get("used_percent")) or 0) > _FULL:
            yield f"the disk of {folder} is {used:g} % full: raise instance.root_volume_gib"
        if (used := number(disk.get("inodes_used_percent")) or 0) > _FULL:
            yield f"the disk of {folder} has {100 - used:g} % of its inodes left"


def kernel(facts: dict[str, Any]) -> Iterator[str]:
    for name, complaint in _COMPLAINTS.items():
        said = [line for line in lines(facts.get("kernel")) if complaint.search(line)]
        if said:
            yield f"the kernel's log tells of {name}, in {len(said)} lines, at last: {said[-1]}"


def memory(facts: dict[str, Any]) -> Iterator[str]:
    found = fields(facts.get("memory"))
    left, there = number(found.get("MemAvailable")), number(found.get("MemTotal"))
    if left is not None and there and left < there * _MEMORY_LEFT:
        yield f"{left / 1024:.0f} of {there / 1024:.0f} MiB memory are available"


def clock(facts: dict[str, Any]) -> Iterator[str]:
    if at(facts, "clock", "NTPSynchronized") == "no":
        yield "the clock is not synchronised: AWS refuses requests whose time is off"
