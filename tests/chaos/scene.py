"""A deployment that serves, in a world of its own, with its client."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from simlab import Boot, World
from simlab.workflows.executions import Execution
from simulation.replacement import DOMAIN, quick

from chaos.client import Client

NAME = str(DOMAIN["name"])
# A boot of three to twelve minutes, as hosts with a mid-sized model have.
_PHASES = {"booting": (20, 60), "drivers": (30, 90), "weights": (60, 300), "loading": (40, 180)}
_BOOTS = 60  # more than any fault needs; the hosts after them boot as the simulation likes


@dataclass(frozen=True, slots=True)
class Scene:
    """instance: the one that serves when the fault strikes. chance: the fault's own. earlier: the
    instance of the generation before, "" if there is none.

    hours: how long a quiet time lasts. copies: how many events or reports a storm has.
    """

    world: World
    chance: random.Random
    client: Client
    endpoint: str
    instance: str
    earlier: str
    hours: float
    copies: int

    @property
    def deployment(self) -> dict[str, Any]:
        return next(row for row in self.world.rows(NAME) if row["sk"] == "deployment")

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """The oldest first."""
        found = [row for row in self.world.rows(NAME) if row["sk"].startswith("incident#")]
        return sorted(found, key=lambda row: str(row.get("began_at") or row["opened_at"]))

    @property
    def resources(self) -> dict[str, str]:
        """The ids of what the deployment has at AWS, by role."""
        rows = [row for row in self.world.rows(NAME) if row["sk"].startswith("resource#")]
        return {row["sk"].partition("#")[2]: row.get("id", "") for row in rows}

    def executions(self, verb: str) -> list[Execution]:
        machine = self.world.stack.outputs[f"{verb.capitalize()}Arn"]
        return [each for each in self.world.executions.all.values() if each.machine.arn == machine]

    def launches(self) -> list[float]:
        """When instances were launched; one that is started again is none."""
        seen: dict[str, float] = {}
        for moment in self.world.history.of("instance", state="pending"):
            seen.setdefault(moment.who, moment.seconds)
        return [when for who, when in seen.items() if who not in {self.instance, self.earlier}]


@contextmanager
def opened(
    seed: int,
    name: str,
    *,
    hours: float = 1.0,
    copies: int = 0,
    again: bool = False,
    duplicates: float = 0.1,
    report_seconds: float | None = None,
) -> Iterator[Scene]:
    """seed and name decide everything that happens: boots, delays, when the fault strikes.

    again: its host was replaced once already. duplicates: the share of events that come twice.
    report_seconds: see World.open.
    """
    chance = random.Random(f"{seed} {name}")  # noqa: S311 - no secret
    saved = _serving()
    restore = lambda account: account.restore(saved)  # noqa: E731
    with World.open(
        chance.getrandbits(32),
        duplicates=duplicates,
        report_seconds=report_seconds,
        restore=restore,
    ) as world:
        world.boots = [_boot(chance) for _ in range(_BOOTS)]
        [row] = [row for row in world.rows(NAME) if row["sk"] == "deployment"]
        endpoint = str(row["endpoint"])
        earlier = _replaced(world, endpoint) if again else ""
        client, instance = Client(world, endpoint), str(world.serving(endpoint))
        yield Scene(world, chance, client, endpoint, instance, earlier, hours, copies)


def _replaced(world: World, endpoint: str) -> str:
    earlier = str(world.serving(endpoint))
    world.run("repair", {"name": NAME, "force": True})
    world.quiet()
    return earlier


def _boot(chance: random.Random) -> Boot:
    """Its length is drawn here: whatever else a fault leads to, its hosts boot as long."""
    drawn = {phase: chance.uniform(*between) for phase, between in _PHASES.items()}
    return Boot(seconds={phase: (length, length) for phase, length in drawn.items()})


@functools.cache
def _serving() -> bytes:
    with World.open(seed=1_000) as world:
        world.boots = [quick()]
        world.up(**DOMAIN)
        world.quiet()
        return world.saved()


def warm() -> None:
    """Make the saved deployment now: processes that are forked afterwards have it."""
    _serving()
