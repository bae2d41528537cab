"""The facts of this machine: disk, memory, GPUs, errors in the kernel's log: `facts FILE`.

lamplighter-machine.service gathers them as root, because the agent is unprivileged: it may neither
open a device nor use docker. Reads only. An unknown number is None, never a guess.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from host.machine import settings
from host.machine.commands import Unanswered, ask
from host.machine.files import PUBLIC, write

Run = Callable[[Sequence[str]], tuple[int | None, str]]

SECONDS = 15  # for one command: nvidia-smi takes long where a GPU is in trouble
_MOST = 4 * 1024 * 1024  # bytes of what it prints: thousands of lines of the kernel's log
AGAIN = 2.0  # seconds until GPUs are counted again when some seem to be missing

_COLUMNS = 4
_GPU = [
    "--query-gpu=index,memory.used,memory.total,utilization.gpu",
    "--format=csv,noheader,nounits",
]
_NO_GPU = re.compile(r"NVML|No devices were found|Unable to determine the device handle")
_KERNEL = ["journalctl", "--dmesg", "--lines=5000", "--output=cat", "--no-pager"]
_XID = re.compile(r"NVRM: Xid \(PCI:[0-9a-fA-F:.]+\): (\d+)")
_OOM = re.compile(r"Out of memory: Killed process|oom-kill:")


def gather(
    values: Mapping[str, str], root: Path, run: Run, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """Return the facts as JSON types; values: deployment.env; root: / but for a test.

    Sizes are bytes, GPU memory is MiB, utilisation percent; xids: code -> times since the boot.
    """
    _, kernel = run(_KERNEL)
    return {
        "at": time.time(),
        "disks": disks([root, root / "var/lib/docker"]),
        "memory": memory(root / "proc/meminfo"),
        "gpus": gpus(int(values["GPUS"]), run, sleep) if values["ENGINE"] == "gpu" else None,
        "xids": dict(Counter(_XID.findall(kernel))),
        "oom_kills": len(_OOM.findall(kernel)),
        "fetched": size(root / "var/lib/lamplighter/cache"),
    }


def disks(folders: Sequence[Path]) -> dict[str, dict[str, int]]:
    """Return one entry for each file system that one of these folders is on."""
    found: dict[int, tuple[Path, os.statvfs_result]] = {}
    for folder in folders:
        if folder.exists():
            found.setdefault(folder.stat().st_dev, (folder, os.statvfs(folder)))
    return {
        str(folder): {
            "size": stats.f_blocks * stats.f_frsize,
            "free": stats.f_bavail * stats.f_frsize,
        }
        for folder, stats in found.values()
    }


def memory(meminfo: Path) -> dict[str, int]:
    pairs = (line.split(":") for line in meminfo.read_text().splitlines())
    kib = {name: int(rest.split()[0]) for name, rest in pairs}
    return {"size": kib["MemTotal"] * 1024, "free": kib["MemAvailable"] * 1024}


def gpus(wanted: int, run: Run, sleep: Callable[[float], None]) -> dict[str, int | None]:
    """Count them here and in the engine's container; again when one seems to be missing."""
    found = _count(wanted, run)
    if any(seen is not None and seen < wanted for seen in (found["here"], found["in_container"])):
        sleep(AGAIN)
        found = _count(wanted, run)
    return found


def _count(wanted: int, run: Run) -> dict[str, int | None]:
    status, said = run(["nvidia-smi", *_GPU])
    rows = [row for row in (line.split(", ") for line in said.splitlines()) if len(row) == _COLUMNS]
    used, there, busy = (_numbers(rows, column) for column in (1, 2, 3))
    return {
        "wanted": wanted,
        "here": None if status is None else len(rows),
        "in_container": _in_container(run),
        "memory_used": sum(used) if used else None,
        "memory_size": sum(there) if there else None,
        "utilisation": max(busy, default=None),
    }


def _numbers(rows: list[list[str]], column: int) -> list[int]:
    """Leave out what a GPU does not report."""
    return [int(row[column]) for row in rows if row[column].strip().isdecimal()]


def _in_container(run: Run) -> int | None:
    """Return None without a running container, or without nvidia-smi in it."""
    status, said = run(["docker", "exec", "vllm-0", "nvidia-smi", "--list-gpus"])
    if status == 0:
        return said.count("GPU ")
    return 0 if _NO_GPU.search(said) else None


def size(folder: Path) -> int:
    """Return the bytes of all files below; files that vanish meanwhile do not count."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{path}/{name}").st_size
            except OSError:
                continue
    return total


def run(command: Sequence[str]) -> tuple[int | None, str]:
    """Return its exit status and all that it printed; None for one that did not exit in time."""
    try:
        said = ask(command, SECONDS, _MOST)
    except Unanswered:
        return None, ""
    return said.status, said.out + said.err


def main(target: Path, environ: Mapping[str, str]) -> None:
    """Write the facts into the file."""
    values = settings.parse(Path(environ["DEPLOYMENT_ENV"]).read_text())
    found = gather(values, Path(environ.get("ROOT", "/")), run)
    write(target, json.dumps(found) + "\n", PUBLIC)


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.environ)
