"""What of a deployment is still there, asked of AWS by tag and name, not of our memory."""

from __future__ import annotations

from orchestrator.aws.clients import Clients
from orchestrator.creation import ownership
from orchestrator.errors import ResourcesLeft
from orchestrator.ledger.store import Ledger
from orchestrator.own_names import own_name
from orchestrator.resources import (
    Resource,
    address,
    alarms,
    bucket,
    dns,
    image,
    instance,
    keys,
    network,
    registry,
    role,
    scripts,
)
from orchestrator.schedules import schedule
from orchestrator.spec.deployment import Deployment

# In the order of provision; teardown goes backwards.
RESOURCES: tuple[Resource, ...] = (
    *(network, registry, bucket, image, role, scripts, keys, instance, address, dns, alarms),
    *(own_name, schedule),
)


def check(clients: Clients, ledger: Ledger) -> dict[str, int]:
    """Return {"left": 0}, or raise ResourcesLeft that lists what is there and ours."""
    there = left(clients, ledger)
    if there:
        raise ResourcesLeft(
            f"{len(there)} resources left: {', '.join(there)}; remove what holds them, then run "
            f"`lamplighter down {ledger.name}` again"
        )
    return {"left": 0}


def left(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for everything that is there and ours."""
    return [line for module in RESOURCES for line in module.found(clients, ledger)]


def must_be_free(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Raise ResourceConflict when the deployment's name is in use already, changing
    nothing: another installation of this account and region, or things that were there before.
    """
    ownership.tagged(clients, ledger).claimed()
    for module in (registry, bucket, role, keys, alarms):
        module.must_be_free(clients, ledger)
    dns.must_be_free(clients, deployment, ledger)
