"""Histories by seed: workflows beside each other, lost hosts, stopped workflows, failing calls."""

from __future__ import annotations

import random

from awssim.faults import Refusal
from botocore.exceptions import ReadTimeoutError
from simlab import World
from simulation.replacement import DOMAIN

from faults.scenarios import CHANGED, NAME, is_gone, is_known, serves, settled

_MINUTES = 12  # in which everything is started
_FAILING = 0.03  # the share of calls that fail in some schedules


def act(world: World, chance: random.Random) -> None:
    """Do some of everything to a deployment that serves; in the end it serves, or is gone."""
    if chance.random() < 1 / 3:
        _let_calls_fail(world, chance)
    for _ in range(chance.randint(2, 5)):
        world.pass_(seconds=chance.uniform(0, 60 * _MINUTES / 5))
        _ACTS[chance.choice(list(_ACTS))](world, chance)
    world.quiet()
    world.account.faults.planted.clear()
    if chance.random() < 1 / 2:
        settled(world, world.start("provision", DOMAIN))
        serves(world)
    elif is_known(world):
        settled(world, world.start("teardown", {"name": NAME}))
        is_gone(world)


def _repairs(world: World, chance: random.Random) -> None:
    for _ in range(3):
        world.start("repair", {"name": NAME, "force": chance.random() < 1 / 4})


def _provision(world: World, _: random.Random) -> None:
    world.start("provision", DOMAIN)


def _change(world: World, _: random.Random) -> None:
    world.start("provision", CHANGED)


def _teardown(world: World, _: random.Random) -> None:
    world.start("teardown", {"name": NAME})


def _loss(world: World, chance: random.Random) -> None:
    if world.instances():
        end, lost = chance.choice([world.terminate, world.stop]), chance.choice(world.instances())
        # EC2 stops none that is pending.
        (end if lost in world.hosts else world.terminate)(lost)


def _abort(world: World, chance: random.Random) -> None:
    running = [each for each in world.executions.all.values() if each.runs]
    if running:
        world.executions.stop(chance.choice(running).arn, "aborted", "by hand")


_ACTS = {"repairs": _repairs, "provision": _provision, "change": _change, "loss": _loss,
         "abort": _abort, "teardown": _teardown}  # fmt: skip


def _let_calls_fail(world: World, chance: random.Random) -> None:
    errors = (
        ("before", Refusal("RequestLimitExceeded", "Request limit exceeded.", 503)),
        ("before", Refusal("InternalError", "An internal error has occurred.", 500)),
        ("after", ReadTimeoutError(endpoint_url="https://aws")),
    )
    for when, error in errors:
        world.account.fault(
            when=when,  # type: ignore[arg-type]
            error=error,
            where=lambda _: chance.random() < _FAILING / len(errors),
            times=None,
        )
