"""The machine: boot, clock, disk, memory, errors of its kernel, listening sockets."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from host.diagnose.places import Places
from host.machine.commands import Unanswered, answer, ask

_PROC = Path("/proc")
_MEMORY = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "Dirty", "Shmem", "Slab")
_DISK = ("target", "size", "avail", "pcent", "itotal", "ipcent")
_KERNEL = re.compile(
    r"NVRM|\bXid\b|oom-kill|Out of memory|I/O error|Remounting filesystem read-only", re.IGNORECASE
)
_KERNEL_BYTES = 4 * 1024 * 1024


def boot(places: Places) -> dict[str, Any]:
    """uptime_seconds; load: over 1, 5 and 15 minutes."""
    return {
        "boot_id": places.boot_id.read_text().strip(),
        "uptime_seconds": float((_PROC / "uptime").read_text().split()[0]),
        "load": list(os.getloadavg()),
        "cores": os.cpu_count(),
        "kernel": os.uname().release,
    }


def clock(places: Places) -> dict[str, str]:
    words = ["timedatectl", "show", "--property=NTP,NTPSynchronized,TimeUSec"]
    lines = answer(words, places.for_a_command).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def disks(places: Places) -> list[dict[str, Any]]:
    """Return the file systems of / and of docker, once each; sizes in bytes, used in percent."""
    words = ["df", "--block-size=1", f"--output={','.join(_DISK)}", "/", str(places.docker)]
    said = ask(words, places.for_a_command)
    rows = {line.strip() for line in said.out.splitlines()[1:]}
    if not rows:
        raise Unanswered(f"df shows no disk: {said.err.strip()}")
    return [_disk(row) for row in sorted(rows)]


def _disk(row: str) -> dict[str, Any]:
    """A mount point may contain spaces; the numbers after it do not."""
    folder, *numbers = row.rsplit(None, len(_DISK) - 1)
    size, free, used, inodes, inodes_used = (_number(number) for number in numbers)
    return {
        "folder": folder,
        "size": size,
        "free": free,
        "used_percent": used,
        "inodes": inodes,
        "inodes_used_percent": inodes_used,
    }


def _number(text: str) -> int | None:
    """Some file systems count no inodes: `-`."""
    return int(text.rstrip("%")) if text.rstrip("%").isdecimal() else None


def memory(_: Places) -> dict[str, int]:
    """Return KiB."""
    pairs = (line.split(":") for line in (_PROC / "meminfo").read_text().splitlines())
    return {name: int(rest.split()[0]) for name, rest in pairs if name in _MEMORY}


def kernel(places: Places) -> str:
    """Return the lines of this boot's kernel log about GPUs, memory and disks."""
    words = ["journalctl", "--dmesg", "--lines=10000", "--output=short-iso", "--no-pager"]
    lines = answer(words, places.for_a_command, _KERNEL_BYTES).split("\n")
    return "\n".join(line for line in lines if _KERNEL.search(line))


def sockets(places: Places) -> str:
    words = ["ss", "--listening", "--tcp", "--udp", "--numeric", "--processes"]
    return answer(words, places.for_a_command)


def nginx(places: Places) -> dict[str, Any]:
    """Let nginx test its configuration, as its unit does before every start: it opens its files for
    that, and leaves at most what a start leaves.
    """
    said = ask(["nginx", "-t"], places.for_a_command)
    return {"ok": said.status == 0, "says": said.err or said.out}


def held_packages(places: Places) -> str:
    return answer(["apt-mark", "showhold"], places.for_a_command)
