"""Every target under every load, A B C A B C: what drifts, drifts for all."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.loads import Load
from benchmarks.runs import mock
from benchmarks.runs.sample import Sample, take
from benchmarks.system import cores, programs
from benchmarks.system.cores import Cores
from benchmarks.system.programs import Programs
from benchmarks.targets import gateway
from benchmarks.targets.target import Lab, Target, serving


@dataclass(frozen=True, slots=True)
class Plan:
    targets: list[Target]
    loads: list[Load]
    rounds: int
    seconds: float


def run(plan: Plan, folder: Path, tell: Callable[[str], None]) -> list[Sample]:
    """Return one sample per round, target and load. Raises BenchmarkError."""
    built = programs.build()
    with laboratory(built, folder) as lab:
        return [
            sample
            for number in range(1, plan.rounds + 1)
            for target in plan.targets
            for sample in _samples(plan, target, lab, built, _prefixed(tell, number, plan.rounds))
        ]


@contextmanager
def laboratory(built: Programs, folder: Path) -> Iterator[Lab]:
    """Two cores, an empty folder, a mock. What a target wrote stays there until the next run."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    here = Cores.of_this_machine()
    with (
        cores.on(here.load),
        mock.listening(built.mock, core=here.load, folder=folder) as port,
    ):
        yield Lab(folder=folder, cores=here, mock_port=port, key=gateway.new_key())


def _samples(
    plan: Plan, target: Target, lab: Lab, built: Programs, tell: Callable[[str], None]
) -> Iterator[Sample]:
    """One target is alive at a time: an idle one probes and collects garbage on the same core."""
    with serving(target, lab) as front:
        for load in plan.loads:
            sample = take(front, load, lab, built, plan.seconds)
            tell(
                f"{target.name:14} {load.name:10} {sample.unit_us:9.1f} us/{load.unit:7} "
                f"core {sample.share:4.2f}  errors {sample.errors}"
            )
            yield sample


def _prefixed(tell: Callable[[str], None], number: int, rounds: int) -> Callable[[str], None]:
    return lambda text: tell(f"round {number}/{rounds}  {text}")
