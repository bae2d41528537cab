"""`python -m hostile.fuzz --requests 100000 --seed N`: mutated requests until the gateway breaks.

Nothing that a client sends may cause a 5xx, a hang, a request that stays in flight, a defect at
the engine or memory that is never given back. Every shot can be sent again by its number: --only.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clients.lab import opened

from hostile.fuzzing.generator import Shot, shot
from hostile.fuzzing.sender import Tally, fire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients.lab import Lab

BOUND = 30.0  # seconds; the machine is small and its other work is not ours
CONNECTIONS = 12
_IDLE_SECONDS = 10.0
_TOLD_DEFECTS = 10
MAX_GROWTH_KIB = 24 * 1024  # of the gateway's memory, from a fifth of the way to the end
_SETTINGS = {
    "INFERENCE_MAX_BODY_BYTES": str(1024 * 1024),
    "INFERENCE_DEFAULT_TIMEOUT_SECONDS": "60",
    "INFERENCE_MAX_TIMEOUT_SECONDS": "120",
}


@dataclass
class Report:
    """How a run went; `wrong` is empty if it went well."""

    tally: Tally
    seconds: float = 0.0
    memory_kib: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counted = " ".join(f"{what}={n}" for what, n in sorted(self.tally.outcomes.items()))
        sent = sum(self.tally.outcomes.values()) - self.tally.outcomes["failed"]
        first, last = self.memory_kib[0], self.memory_kib[-1]
        told = f"{sent} outcomes in {self.seconds:.0f} s: {counted}; memory {first}..{last} KiB"
        return "\n".join([told, *self.wrong, *self.tally.failures])


async def fuzz(numbers: range, seed: int, bound: float = BOUND) -> Report:
    """Send these shots of this seed to a gateway of their own."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder), **_SETTINGS) as (lab, engine):
            report = await _bombard(lab, numbers, seed, bound)
            report.wrong = await asyncio.to_thread(_verdict, lab, engine.defects, report)
    return report


async def _bombard(lab: Lab, numbers: range, seed: int, bound: float) -> Report:
    report = Report(Tally(), memory_kib=[_memory(lab)])
    shots = _watched(lab, report, numbers, seed)
    began = time.monotonic()
    await asyncio.gather(*(fire(lab.port, shots, report.tally, bound) for _ in range(CONNECTIONS)))
    report.seconds = time.monotonic() - began
    report.memory_kib.append(_memory(lab))
    return report


def _watched(lab: Lab, report: Report, numbers: range, seed: int) -> Iterator[Shot]:
    """Yield the shots; look at the gateway's memory ten times on the way, and say how far it is."""
    every = max(1, len(numbers) // 10)
    for count, number in enumerate(numbers, 1):
        yield shot(seed, number)
        if count % every == 0:
            report.memory_kib.append(_memory(lab))
            failed = report.tally.outcomes["failed"]
            progress = f"{count} of {len(numbers)}: {failed} failures, {report.memory_kib[-1]} KiB"
            sys.stderr.write(f"{progress}\n")


def _verdict(lab: Lab, defects: list[str], report: Report) -> list[str]:
    """Return all that must not be, now that every shot is sent."""
    end = time.monotonic() + _IDLE_SECONDS
    while (left := lab.in_flight()) and time.monotonic() < end:
        time.sleep(0.05)
    early = report.memory_kib[len(report.memory_kib) // 5 : len(report.memory_kib) // 2]
    growth = report.memory_kib[-1] - max(early, default=report.memory_kib[-1])
    log = Path(lab.log).read_text()
    found = {
        f"{report.tally.outcomes['failed']} failures": report.tally.outcomes["failed"] > 0,
        f"{left} requests stay in flight": left > 0,
        f"memory grew: {report.memory_kib} KiB": growth > MAX_GROWTH_KIB,
        "the gateway logged errors": '"level":"error"' in log,
        f"the gateway met surprises: ...{log[log.find('Traceback') :][:6000]}": "Traceback" in log,
    }
    wrong = [what for what, is_so in found.items() if is_so]
    return wrong + [f"at the engine: {defect}" for defect in defects[:_TOLD_DEFECTS]]


def _memory(lab: Lab) -> int:
    status = Path(f"/proc/{lab.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="hostile.fuzz")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="send this one shot and show its bytes")
    given = parser.parse_args()
    numbers = range(given.requests)
    if given.only is not None:
        numbers = range(given.only, given.only + 1)
        sys.stdout.write(f"{shot(given.seed, given.only)}\n")
    report = asyncio.run(fuzz(numbers, given.seed))
    sys.stdout.write(f"seed {given.seed}: {report}\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
