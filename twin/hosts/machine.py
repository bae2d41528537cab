"""What is wrong with a host's machine, for how long, and the facts that its agent reads of it.

A condition lasts until the next boot, until other hardware (EC2's stop and start), or for as long
as the disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_GIB = 1024**3
_DISK, _MEMORY = 100 * _GIB, 16 * _GIB
_GPU_MIB = 23_028  # of one NVIDIA L4
CLOCK_JUMP = 3600.0  # seconds
_BOOT, _HARDWARE, _FOREVER = "boot", "hardware", "forever"

LASTS = {
    "clock-jump": _BOOT,
    "gpu-xid": _BOOT,
    "unreachable-instance": _BOOT,
    "gpu-lost": _HARDWARE,
    "unreachable-system": _HARDWARE,
    "disk-full": _FOREVER,
}
_ENDED_BY = {"reboot": {_BOOT}, "start": {_BOOT, _HARDWARE}}


class Machine:
    """folder: the host's. The conditions are in a file: they outlast the runner."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "conditions.json"

    def add(self, condition: str) -> None:
        self._write([*self._conditions(), condition])

    def has(self, condition: str) -> bool:
        return condition in self._conditions()

    def boot(self, why: str) -> None:
        """End what such a boot ends. why: reboot, or start (on other hardware)."""
        kept = [each for each in self._conditions() if LASTS[each] not in _ENDED_BY[why]]
        self._write(kept)

    @property
    def is_unreachable(self) -> bool:
        return self.has("unreachable-instance") or self.has("unreachable-system")

    @property
    def engine_dies_of(self) -> str | None:
        """Return what an engine logs that cannot use its GPU, or None."""
        if self.has("gpu-lost"):
            return "RuntimeError: No CUDA GPUs are available"
        if self.has("gpu-xid"):
            return "torch.AcceleratorError: CUDA error: unknown error"
        return None

    def facts(self, gpus: int | None, now: float) -> dict[str, Any]:
        """Return them as host/machine/facts.py writes them; gpus: that the engine wants."""
        free = _DISK // 100 if self.has("disk-full") else _DISK * 6 // 10
        return {
            "at": now,
            "disks": {"/": {"size": _DISK, "free": free}},
            "memory": {"size": _MEMORY, "free": _MEMORY // 2},
            "gpus": None if gpus is None else self._gpus(gpus),
            "xids": {"79": 1} if self.has("gpu-xid") else {},
            "oom_kills": 0,
            "fetched": 0,
        }

    def _gpus(self, wanted: int) -> dict[str, int]:
        here = wanted - self.has("gpu-lost")
        size = _GPU_MIB * here
        return {
            "wanted": wanted, "here": here, "in_container": here,
            "memory_used": size * 9 // 10, "memory_size": size, "utilisation": 0,
        }  # fmt: skip

    def _conditions(self) -> list[str]:
        try:
            found: list[str] = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return found

    def _write(self, conditions: list[str]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_name(f"{self._file.name}.new")
        new.write_text(json.dumps(sorted(set(conditions))), encoding="utf-8")
        new.replace(self._file)
