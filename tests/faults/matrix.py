"""Runs scenarios with a fault at every call, and schedules by seed."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from awssim.calls import Call
from awssim.faults import Faults
from simlab import World
from simulation.replacement import DOMAIN

from faults import schedules
from faults.forks import Children, ForkedFaults, Point, reported, seeded
from faults.scenarios import SCENARIOS, quick

SCHEDULES = "schedules"
_SEED = 5
_REPORT_SECONDS = 600.0  # hosts repeat themselves rarely: the faults strike elsewhere


def explore(name: str, children: Children, wanted: Callable[[Point, Call], bool]) -> None:
    """Try every wanted point of a scenario, at its call."""
    scenario = SCENARIOS[name]

    def is_wanted(point: Point, call: Call) -> bool:
        return point.fault in scenario.faults and wanted(point, call)

    with _world(serving=scenario.serving) as world:

        def abort() -> None:
            for execution in [each for each in world.executions.all.values() if each.runs]:
                world.executions.stop(execution.arn, "aborted", "by hand")

        world.account.faults = ForkedFaults(name, children, is_wanted, abort)
        gc.freeze()
        with reported(children):
            scenario.act(world)
            if not children.is_child:
                children.wait()
            world.account.faults = Faults()
            scenario.ends(world)


def play(seeds: Iterable[int], children: Children) -> None:
    """Play one schedule for each seed, all from the same deployment that serves."""
    with _world(serving=True) as world:
        for seed in seeds:
            seeded(children, Point(SCHEDULES, "seed", seed), world, schedules.act)
    children.wait()


@contextmanager
def _world(*, serving: bool) -> Iterator[World]:
    """A world with quick hosts, in which the deployment serves already, or not."""
    restore = None
    if serving:
        saved = _serving()
        restore = lambda account: account.restore(saved)  # noqa: E731
    with World.open(_SEED, report_seconds=_REPORT_SECONDS, restore=restore) as world:
        world.boots = [quick() for _ in range(50)]
        yield world


@functools.cache
def _serving() -> bytes:
    with World.open(seed=1_000, report_seconds=_REPORT_SECONDS) as world:
        world.boots = [quick()]
        world.up(**DOMAIN)
        world.quiet()
        return world.saved()
