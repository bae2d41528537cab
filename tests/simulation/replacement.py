"""What the tests of replaced hosts share: deployments, quick boots, what an execution did."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from simlab import Boot, World

DOMAIN = {"name": "demo", "model": "m", "dns": {"domain": "example.com"}}
ADDRESS = {"name": "demo", "model": "m"}


@contextmanager
def serving(spec: dict[str, Any], **how: Any) -> Iterator[tuple[World, dict[str, Any]]]:
    """A world in which the deployment serves, and what its provision returned.

    how: as for World.open. A specification is provisioned once, the account saved, and every test
    goes on from there in a world of its own.
    """
    saved, first = _provisioned(json.dumps(spec))
    with World.open(**how, restore=lambda account: account.restore(saved)) as world:
        yield world, dict(first)


@functools.cache
def _provisioned(spec: str) -> tuple[bytes, dict[str, Any]]:
    with World.open(seed=1_000) as world:  # no test's seed: its ids are there already
        first = world.up(**json.loads(spec))
        world.quiet()
        return world.saved(), first


def quick(**how: Any) -> Boot:
    """A boot of seconds, so that few requests have to be asked."""
    return Boot(seconds={"booting": (5, 5), "loading": (5, 5)}, **how)


def write(world: World, row: str = "deployment", **facts: str) -> None:
    """Set attributes of a row, by default the deployment's own."""
    [table] = world.stack.named["AWS::DynamoDB::Table"]
    with world.account.uncounted():
        for name, value in facts.items():
            world.account.client("dynamodb").update_item(
                TableName=table,
                Key={"pk": {"S": "demo"}, "sk": {"S": row}},
                UpdateExpression=f"SET {name} = :value",
                ExpressionAttributeValues={":value": {"S": value}},
            )


def entered(world: World, name: str) -> list[str]:
    """The states that an execution has entered so far, in their order."""
    return [m.facts["state"] for m in world.history.of("entered") if m.who == name]


def rows(world: World, prefix: str) -> list[dict[str, Any]]:
    return [row for row in world.rows("demo") if row["sk"].startswith(prefix)]


class Client:
    """Asks the endpoint every second from its start on, until it leaves.

    ttl_seconds: for so long it keeps what its name was resolved to; 0: it looks it up each time.
    """

    def __init__(self, world: World, endpoint: str, ttl_seconds: float = 0) -> None:
        self._world, self._endpoint = world, endpoint
        self._ttl, self._kept, self._kept_until = ttl_seconds, endpoint, 0.0
        self.failures: list[float] = []
        self.models: list[str] = []
        self._is_here = True
        self._ask()

    def leave(self) -> None:
        self._is_here = False

    def _ask(self) -> None:
        if not self._is_here:
            return
        instance = self._world.serving(self._origin())
        if instance is None:
            self.failures.append(self._world.clock.seconds)
        elif (model := self._world.hosts[instance].env["MODEL"]) not in self.models:
            self.models.append(model)
        self._world.schedule.after(1.0, self._ask)

    def _origin(self) -> str:
        """The endpoint, or the address that its name led to when it was last looked up."""
        now = self._world.clock.seconds
        if self._ttl and now >= self._kept_until:
            name = self._endpoint.removeprefix("https://")
            with suppress(OSError):  # there is no such name any more
                self._kept = f"https://{self._world.internet.address_of(name)}"
                self._kept_until = now + self._ttl
        return self._kept

    @property
    def gap(self) -> float:
        return self.failures[-1] - self.failures[0] + 1 if self.failures else 0.0


def row(world: World) -> dict[str, Any]:
    [found] = rows(world, "deployment")
    return found


def stored(world: World) -> Any:
    return json.loads(row(world)["spec"])


def kept(world: World) -> list[str]:
    """The models of the specifications that have served and are kept."""
    found = sorted(rows(world, "spec#"), key=lambda each: each["at"])
    return [json.loads(each["spec"])["model"] for each in found]


def is_untouched(world: World, first: dict[str, Any], spec: dict[str, Any]) -> None:
    """The old host serves, by the old specification, and nothing of the change is left."""
    assert world.serving(first["endpoint"]) == first["instance_id"]
    assert world.instances() == [first["instance_id"]]
    assert stored(world)["model"] == spec["model"]
    assert {"next_spec", "next_execution", "next_host"} & row(world).keys() == set()
    assert row(world)["status"] == "serving"
    assert not rows(world, "lock")
    assert len(world.inventory()["addresses"]) == 1
