"""What the tests of replaced hosts share: deployments, quick boots, what an execution did."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
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


def write(world: World, **facts: str) -> None:
    """Set attributes of the deployment's row."""
    [table] = world.stack.named["AWS::DynamoDB::Table"]
    with world.account.uncounted():
        for name, value in facts.items():
            world.account.client("dynamodb").update_item(
                TableName=table,
                Key={"pk": {"S": "demo"}, "sk": {"S": "deployment"}},
                UpdateExpression=f"SET {name} = :value",
                ExpressionAttributeValues={":value": {"S": value}},
            )


def entered(world: World, name: str) -> list[str]:
    """The states that an execution has entered so far, in their order."""
    return [m.facts["state"] for m in world.history.of("entered") if m.who == name]


def rows(world: World, prefix: str) -> list[dict[str, Any]]:
    return [row for row in world.rows("demo") if row["sk"].startswith(prefix)]
