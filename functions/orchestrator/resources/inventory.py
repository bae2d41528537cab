"""What of a deployment is still there, asked of AWS by tag and name, not of our memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import naming
from orchestrator.errors import ResourcesLeft
from orchestrator.resources import bucket, dns, instance, keys, nat, registry

if TYPE_CHECKING:
    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger

# Terminated instances and deleted NAT gateways keep their tags for an hour: they cost nothing.
_LINGERING = {"instance", "natgateway"}


def check(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, int]:
    """Return {"left": 0}, or raise ResourcesLeft that lists what is there."""
    left = [
        *_tagged(clients, deployment.name),
        *(f"instance {i}" for i in instance.existing(clients, deployment.name)),
        *(f"natgateway {n}" for n in nat.found(clients, deployment.name)),
        *_named(clients, deployment, ledger),
    ]
    if left:
        raise ResourcesLeft(
            f"{len(left)} resources left: {', '.join(left)}; remove what holds them, then run "
            f"`lamplighter down {deployment.name}` again"
        )
    return {"left": 0}


def _tagged(clients: Clients, name: str) -> list[str]:
    pages = clients.ec2.get_paginator("describe_tags").paginate(
        Filters=[
            {"Name": "key", "Values": [naming.OWNER]},
            {"Name": "value", "Values": [name]},
        ]
    )
    return [
        f"{tag['ResourceType']} {tag['ResourceId']}"
        for page in pages
        for tag in page["Tags"]
        if tag["ResourceType"] not in _LINGERING
    ]


def _named(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[str]:
    """Return what EC2's tags do not show, as the resources' own plans see it."""
    return [
        change.what
        for module in (registry, bucket, keys, dns)
        for change in module.plan(clients, deployment, ledger)
        if change.action == "keep"
    ]
