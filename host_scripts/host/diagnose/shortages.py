"""What the machine lacks: GPUs, disk, memory, a synchronised clock; errors of its kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from host.diagnose.values import at, fields, lines, number, rows
from host.machine.judgement import full_disk, full_memory, missing_gpus

_INODES_USED = 90  # percent

_ERRORS = {
    "a GPU's error": re.compile(r"\bXid\b"),
    "a program killed for lack of memory": re.compile(r"oom-kill|Out of memory", re.IGNORECASE),
    "a disk's error": re.compile(r"I/O error|Remounting filesystem read-only", re.IGNORECASE),
}


def gpus(facts: dict[str, Any]) -> Iterator[str]:
    if at(facts, "settings", "ENGINE") != "gpu" or not isinstance(facts.get("gpus"), list):
        return
    wanted = number(at(facts, "settings", "GPUS"))
    if lost := missing_gpus(None if wanted is None else int(wanted), len(facts["gpus"])):
        yield lost
    for gpu in rows(facts["gpus"]):
        if errors := number(gpu.get("ecc.errors.uncorrected.volatile.total")):
            yield f"GPU {gpu.get('index')} has {errors:g} memory errors that it could not correct"


def disks(facts: dict[str, Any]) -> Iterator[str]:
    for disk in rows(facts.get("disks")):
        folder = disk.get("folder")
        free, size = number(disk.get("free")), number(disk.get("size"))
        if free is not None and (full := full_disk(str(folder), free, size or 0)):
            yield full
        if (used := number(disk.get("inodes_used_percent")) or 0) > _INODES_USED:
            yield f"the disk of {folder} has {100 - used:g} % of its inodes left"


def kernel(facts: dict[str, Any]) -> Iterator[str]:
    for name, error in _ERRORS.items():
        said = [line for line in lines(facts.get("kernel")) if error.search(line)]
        if said:
            yield f"the kernel's log reports {name} in {len(said)} lines, the last one: {said[-1]}"


def memory(facts: dict[str, Any]) -> Iterator[str]:
    found = fields(facts.get("memory"))
    left, there = number(found.get("MemAvailable")), number(found.get("MemTotal"))
    if left is not None and there and (full := full_memory(left * 1024, there * 1024)):
        yield full


def clock(facts: dict[str, Any]) -> Iterator[str]:
    if at(facts, "clock", "NTPSynchronized") == "no":
        yield "the clock is not synchronised: AWS refuses requests whose time is off"
