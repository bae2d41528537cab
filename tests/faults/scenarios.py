"""What is done to a deployment while something goes wrong, and what must be true in the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simlab import Boot, World
from simlab.workflows.executions import Execution
from simulation.replacement import DOMAIN, Client, entered
from simulation.wakers import ask, key_of

NAME = str(DOMAIN["name"])
CHANGED = {**DOMAIN, "model": "other"}
SLEEPS = {**DOMAIN, "sleep": {"after_idle_minutes": 10_080}}
REPLACED = {**CHANGED, "update": {"strategy": "replace"}}
Specs = tuple[dict[str, Any], ...]
# Things of which a deployment that serves has exactly one.
ONE = ("vpcs", "instances", "addresses", "repositories", "buckets")


def quick() -> Boot:
    """A boot of seconds: what matters here comes before and after it."""
    return Boot(seconds={"booting": (2, 3), "loading": (2, 3)})


def provision(world: World) -> None:
    settled(world, world.start("provision", DOMAIN))


def repair(world: World) -> None:
    """The event of the loss starts it."""
    world.terminate(*world.instances())
    world.quiet()
    if not _is_serving(world) or _locked(world):  # an aborted repair: the next one finishes it
        settled(world, world.start("repair", {"name": NAME}))


def forced_repair(world: World) -> None:
    settled(world, world.start("repair", {"name": NAME, "force": True}))


def change(world: World) -> None:
    """The same again finishes what was aborted; a host answers at every second of it."""
    _unnoticed(world, CHANGED)


def rollback(world: World) -> None:
    """Back to what served before: a change like any other, with its own rows of the ledger."""
    _unnoticed(world, DOMAIN)


def _unnoticed(world: World, spec: dict[str, Any]) -> None:
    client = Client(world, _deployment(world)["endpoint"])
    settled(world, world.start("provision", spec))
    client.leave()
    assert client.failures == [], "no host answered"
    assert len(client.models) <= 2, client.models  # once from the one to the other, never back


def replace(world: World) -> None:
    """As `change`, where the account has no quota for two hosts: the old one ends first."""
    settled(world, world.start("provision", REPLACED))


def taken_back(world: World) -> None:
    """The new host dies while the old one ends its requests; a look finishes what was aborted."""
    [old] = world.instances()
    world.hosts[old].requests_until = world.clock.seconds + 120
    execution = world.start("provision", CHANGED)
    world.until(lambda: "DrainPredecessors" in entered(world, execution.name) or not execution.runs)
    if lost := set(world.instances()) - {old}:
        world.terminate(*lost)
    world.ended(execution)
    world.quiet()
    world.pass_(minutes=15)


def teardown(world: World) -> None:
    settled(world, world.start("teardown", {"name": NAME}))


def stop(world: World) -> None:
    settled(world, world.start("stop", {"name": NAME}))


def start(world: World) -> None:
    """It is stopped first, and what goes wrong then counts as well."""
    settled(world, world.start("stop", {"name": NAME}))
    settled(world, world.start("start", {"name": NAME}))


def sleep(world: World) -> None:
    settled(world, world.start("stop", {"name": NAME, "sleep": True, "asked_by": "alice"}))


def own_name(world: World) -> None:
    """Its name is made to wake it, then it falls asleep, and its name leads to the waker."""
    settled(world, world.start("provision", SLEEPS))
    world.pass_(minutes=5)  # the certificate is issued
    sleep(world)


def wake(world: World) -> None:
    """It falls asleep first, and what goes wrong then counts as well; then a request's start."""
    sleep(world)
    settled(world, world.start("start", {"name": NAME, "only_asleep": True}))


def abandoned(world: World) -> None:
    """A provision that nothing continues: a teardown follows it, from whatever is there."""
    world.ended(world.start("provision", DOMAIN))
    if not is_known(world):  # it died before it wrote more than its lock: the next one takes that
        assert world.inventory() == {}
        settled(world, world.start("provision", DOMAIN))
    settled(world, world.start("teardown", {"name": NAME}))


def settled(world: World, execution: Execution) -> None:
    """Let it end; what failed or was stopped is started once more, as an operator does."""
    world.ended(execution)
    world.quiet()
    if execution.status == "SUCCEEDED":
        return
    again = world.ended(world.executions.start(execution.machine.arn, None, execution.input))
    assert again.status == "SUCCEEDED", (again.error, again.cause)
    world.quiet()


def serves(world: World) -> None:
    """One of everything, serving at the endpoint, no lock held; and a teardown leaves nothing."""
    row = _deployment(world)
    assert _is_serving(world), row
    there = world.inventory()
    assert {kind: len(there.get(kind, [])) for kind in ONE} == dict.fromkeys(ONE, 1), there
    assert world.instances() == [world.serving(row["endpoint"])]
    assert not _locked(world)
    never_two(world)
    down = world.run("teardown", {"name": NAME})
    assert down.status == "SUCCEEDED", (down.error, down.cause)
    is_gone(world)


def changed(world: World) -> None:
    _serves_model(world, CHANGED["model"])


def rolled_back(world: World) -> None:
    _serves_model(world, DOMAIN["model"])


def _serves_model(world: World, model: Any) -> None:
    """As `serves`, and by the new specification: its host and the ledger agree on it."""
    row = _deployment(world)
    assert json.loads(row["spec"])["model"] == model
    assert "next_spec" not in row
    assert [world.hosts[each].env["MODEL"] for each in world.instances()] == [model]
    serves(world)


def is_stopped(world: World) -> None:
    """Everything is kept, no instance runs, no lock is held; and it can be started again."""
    _rests(world, "stopped")
    started = world.run("start", {"name": NAME})
    assert started.status == "SUCCEEDED", (started.error, started.cause)
    world.quiet()
    serves(world)


def is_asleep(world: World) -> None:
    """As `is_stopped`, and a request wakes it."""
    _rests(world, "asleep")
    code, answer = ask(world, key_of(world))
    assert (code, answer["code"]) == (503, "asleep"), answer
    world.quiet()
    serves(world)


def _rests(world: World, halted: str) -> None:
    world.pass_(minutes=15)  # what was left in between is finished by a look
    row, there = _deployment(world), world.inventory()
    assert (row["desired"], row["status"]) == (halted, halted), row
    assert {kind: len(there.get(kind, [])) for kind in ONE} == dict.fromkeys(ONE, 1), there
    assert world.hosts == {}
    assert not _locked(world)


def is_gone(world: World) -> None:
    assert world.inventory() == {}
    assert not _locked(world)
    rows = world.rows(NAME)  # none: it died before it wrote the first one
    assert not rows or _deployment(world)["status"] == "absent", rows


def never_two(world: World) -> None:
    """There was never more than one live instance of a generation."""
    live: Counter[str] = Counter()
    generations = _generations(world)
    for moment in world.history.of("instance"):
        generation = generations[moment.who]
        if moment.facts["state"] == "pending":
            live[generation] += 1
        elif moment.facts["state"] == "shutting-down":
            live[generation] -= 1
        assert live[generation] <= 1, f"two instances of generation {generation}"


def _generations(world: World) -> dict[str, str]:
    """By instance, also those that were terminated."""
    with world.account.uncounted():
        found = world.account.client("ec2").describe_instances()["Reservations"]
    tags = {i["InstanceId"]: i["Tags"] for each in found for i in each["Instances"]}
    return {
        instance: next(tag["Value"] for tag in tags if tag["Key"] == "lamplighter:generation")
        for instance, tags in tags.items()
    }


def _deployment(world: World) -> dict[str, Any]:
    return next(row for row in world.rows(NAME) if row["sk"] == "deployment")


def _is_serving(world: World) -> bool:
    row = _deployment(world)
    return row["status"] == "serving" and bool(world.serving(row["endpoint"]))


def is_known(world: World) -> bool:
    return any(row["sk"] == "deployment" for row in world.rows(NAME))


def _locked(world: World) -> bool:
    return any(row["sk"] == "lock" for row in world.rows(NAME))


@dataclass(frozen=True, slots=True)
class Scenario:
    """before: what was provisioned before, one specification after the other, and serves.
    act: what is done, under faults. ends: what must be true then.
    """

    before: Specs
    act: Callable[[World], None]
    ends: Callable[[World], None]
    faults: tuple[str, ...]


_ALL = ("dies-before", "dies-after", "reply-lost", "throttled", "server-error", "aborted")
_SERVES = (DOMAIN,)
SCENARIOS = {
    "provision": Scenario((), provision, serves, _ALL),
    "repair": Scenario(_SERVES, repair, serves, _ALL),
    "forced-repair": Scenario(_SERVES, forced_repair, serves, _ALL),
    "change": Scenario(_SERVES, change, changed, _ALL),
    "rollback": Scenario((DOMAIN, CHANGED), rollback, rolled_back, _ALL),
    "replace": Scenario(_SERVES, replace, changed, _ALL),
    "taken-back": Scenario(_SERVES, taken_back, serves, _ALL),
    "stop": Scenario(_SERVES, stop, is_stopped, _ALL),
    "start": Scenario(_SERVES, start, serves, _ALL),
    "sleep": Scenario(_SERVES, sleep, is_asleep, _ALL),
    "own-name": Scenario(_SERVES, own_name, is_asleep, _ALL),
    "wake": Scenario(_SERVES, wake, serves, _ALL),
    "teardown": Scenario(_SERVES, teardown, is_gone, _ALL),
    "abandoned": Scenario((), abandoned, is_gone, ("aborted",)),
}
