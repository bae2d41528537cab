"""Runs scenarios with a fault at every call, and schedules by seed."""

from __future__ import annotations

import functools
import gc
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from awssim.calls import Call
from awssim.faults import Faults
from simlab import World
from simulation.replacement import DOMAIN

from faults import schedules
from faults.forks import Children, ForkedFaults, Point, Wanted, reported, seeded
from faults.scenarios import SCENARIOS, Specs, quick

SCHEDULES = "schedules"
_SEED = 5
_REPORT_SECONDS = 600.0  # hosts repeat themselves rarely: the faults strike elsewhere


def is_crash(point: Point, call: Call, is_first: bool) -> bool:  # noqa: FBT001 - as Wanted
    """Whether a function dies there in a state that no other point leaves.

    Nothing but a call changes AWS: after one that only reads, or before the next one, all is as
    it was after the last one that wrote.
    """
    return (point.fault == "dies-before" and is_first) or (
        point.fault == "dies-after" and call.writes()
    )


def explore(name: str, children: Children, wanted: Wanted) -> None:
    """Try every wanted point of a scenario, at its call."""
    scenario = SCENARIOS[name]

    def is_wanted(point: Point, call: Call, is_first: bool) -> bool:  # noqa: FBT001
        return point.fault in scenario.faults and wanted(point, call, is_first)

    with _world(scenario.before) as world:

        def abort() -> None:
            for execution in [each for each in world.executions.all.values() if each.runs]:
                world.executions.stop(execution.arn, "aborted", "by hand")

        world.account.faults = ForkedFaults(
            name, children, is_wanted, abort, lambda: world.invocations
        )
        gc.freeze()
        with reported(children):
            scenario.act(world)
            if not children.is_child:
                children.wait()
            world.account.faults = Faults()
            scenario.ends(world)


def play(seeds: Iterable[int], children: Children) -> None:
    """Play one schedule for each seed, all from the same deployment that serves."""
    with _world((DOMAIN,)) as world:
        for seed in seeds:
            seeded(children, Point(SCHEDULES, "seed", seed), world, schedules.act)
    children.wait()


@contextmanager
def _world(before: Specs) -> Iterator[World]:
    """A world with quick hosts, in which the last of these specifications serves already."""
    restore = None
    if before:
        saved = _serving(json.dumps(before))
        restore = lambda account: account.restore(saved)  # noqa: E731
    with World.open(_SEED, report_seconds=_REPORT_SECONDS, restore=restore) as world:
        world.boots = [quick() for _ in range(50)]
        yield world


@functools.cache
def _serving(specs: str) -> bytes:
    with World.open(seed=1_000, report_seconds=_REPORT_SECONDS) as world:
        for spec in json.loads(specs):
            world.boots = [quick()]
            world.up(**spec)
            world.quiet()
        return world.saved()
