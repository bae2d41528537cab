"""Which core does what: the target has one for itself, all else shares the other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.errors import MissingProgram

_NEEDED = 2
_IDLE, _IOWAIT = 3, 4  # of proc_stat(5)'s columns, counted behind the name


@dataclass(frozen=True, slots=True)
class Cores:
    target: int
    load: int

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return the first two that this process may use. Raises MissingProgram."""
        mine = sorted(os.sched_getaffinity(0))
        if len(mine) < _NEEDED:
            raise MissingProgram("two cores are needed, one for the target: this machine lends one")
        return cls(target=mine[0], load=mine[1])


@contextmanager
def on(core: int) -> Iterator[None]:
    """Children started inside run on this core from their first instruction on.

    Programs size their thread pools by it, so setting it afterwards would be too late.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def busy_seconds(core: int) -> float:
    """Return how long the core has worked for anyone, time taken by the hypervisor included."""
    for line in Path("/proc/stat").read_text("ascii").splitlines():
        name, *columns = line.split()
        if name == f"cpu{core}":
            ticks = [int(column) for column in columns[:8]]
            return (sum(ticks) - ticks[_IDLE] - ticks[_IOWAIT]) / os.sysconf("SC_CLK_TCK")
    raise MissingProgram(f"/proc/stat does not tell of core {core}")
