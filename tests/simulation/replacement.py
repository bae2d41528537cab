"""What the tests of replaced hosts share: deployments, quick boots, what an execution did."""

from __future__ import annotations

from typing import Any

from simlab import Boot, World

DOMAIN = {"name": "demo", "model": "m", "dns": {"domain": "example.com"}}
ADDRESS = {"name": "demo", "model": "m"}


def quick(**how: Any) -> Boot:
    """A boot of seconds, so that few requests have to be asked."""
    return Boot(seconds={"booting": (5, 5), "loading": (5, 5)}, **how)


def entered(world: World, name: str) -> list[str]:
    """The states that an execution has entered so far, in their order."""
    return [m.facts["state"] for m in world.history.of("entered") if m.who == name]


def rows(world: World, prefix: str) -> list[dict[str, Any]]:
    return [row for row in world.rows("demo") if row["sk"].startswith(prefix)]
