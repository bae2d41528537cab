"""One load against one target, once."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.errors import LoadFailed
from benchmarks.loads import Load
from benchmarks.runs import mock
from benchmarks.system import cores, cpu
from benchmarks.system.programs import Programs
from benchmarks.targets.target import Front, Lab

# LiteLLM takes half a minute for one wave of 512 streams on this core.
_PATIENCE_SECONDS = 180
_SETTLES_SECONDS = 0.2
_WARM_UP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """`units` are requests or chunks; shares are parts of the target's core."""

    target: str
    load: str
    units: int
    cpu_ns: int
    seconds: float
    share: float  # that the target used
    noise: float  # that others took from it
    peak_bytes: int
    errors: int
    generator: dict[str, Any]  # what c/tally.c printed

    @property
    def unit_us(self) -> float:
        """CPU microseconds per request or chunk; infinite if there was none."""
        return self.cpu_ns / 1000 / self.units if self.units else float("inf")

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return cls(**document)


def take(front: Front, load: Load, lab: Lab, programs: Programs, seconds: float) -> Sample:
    """Warm the target up, load it for so many seconds, and return what that cost.

    Raises LoadFailed, TargetFailed.
    """
    _generate(front, load.warm_up(), lab, programs, min(seconds, _WARM_UP_SECONDS))
    time.sleep(_SETTLES_SECONDS)
    cpu.forget_peaks(front.roots)
    busy_before, spent_before = cores.busy_seconds(lab.cores.target), cpu.spent_ns(front.roots)
    report = _generate(front, load, lab, programs, seconds)
    time.sleep(_SETTLES_SECONDS)
    spent = cpu.spent_ns(front.roots) - spent_before
    busy = cores.busy_seconds(lab.cores.target) - busy_before
    front.check()
    return Sample(
        target=front.target.name,
        load=load.name,
        units=report["ok"] if load.chunks is None else report["marks"],
        cpu_ns=spent,
        seconds=report["seconds"],
        share=spent / 1e9 / report["seconds"],
        noise=max(0.0, busy - spent / 1e9) / report["seconds"],
        peak_bytes=cpu.peak_bytes(front.roots),
        errors=sum(report["errors"].values()) + mock.left_running(lab.mock_port),
        generator=report,
    )


def _generate(
    front: Front, load: Load, lab: Lab, programs: Programs, seconds: float
) -> dict[str, Any]:
    body = lab.folder / "body.json"
    body.write_bytes(load.body)
    command = generator(programs.load, load, body, front.port, lab.authorization, seconds)
    limit = seconds + load.ramp + 2 * _PATIENCE_SECONDS
    try:
        with cores.on(lab.cores.load):
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=limit
            )
    except subprocess.TimeoutExpired as error:
        raise LoadFailed(f"the generator has not ended after {limit:.0f} s") from error
    if done.returncode:
        raise LoadFailed(f"the generator ended with {done.returncode}: {done.stderr.strip()}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def generator(
    program: Path, load: Load, body: Path, port: int, authorization: str, seconds: float
) -> list[str]:
    """Return the command line; c/load.c describes it."""
    options = {
        "port": port,
        "path": load.path,
        "body": body,
        "header": f"Authorization: {authorization}",
        "connections": load.connections,
        "seconds": seconds,
        "ramp": load.ramp,
        "patience": _PATIENCE_SECONDS,
        "marks": -1 if load.chunks is None else load.chunks,
    }
    return [str(program), *(f"--{name}={value}" for name, value in options.items())]
