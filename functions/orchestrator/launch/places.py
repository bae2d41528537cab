"""The subnets in which an instance may be launched, by their zones."""

from __future__ import annotations

from orchestrator.aws.clients import Clients
from orchestrator.errors import Pending, Refused
from orchestrator.ledger.store import Ledger

PUBLIC_SUBNET = "public-subnet-"


def public_subnets(clients: Clients, ledger: Ledger) -> dict[str, str]:
    """Return zone -> public subnet. Pending: they are too young to be seen; Refused: none left."""
    rows = [row for row in ledger.resources() if row.kind.startswith(PUBLIC_SUBNET) and row.id]
    if not rows:
        raise Refused("public subnets: no step made them yet; `lamplighter up` does")
    described = clients.ec2.describe_subnets(
        Filters=[{"Name": "subnet-id", "Values": [str(row.id) for row in rows]}]
    )["Subnets"]
    found = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in described}
    if not found and any(ledger.is_young(row) for row in rows):
        raise Pending("public subnets: created a moment ago, not visible yet")
    if not found:
        raise Refused(
            "public subnets: they were removed outside Lamplighter; start again, `up` makes them"
        )
    return found
