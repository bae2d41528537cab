"""The Elastic IP: the endpoint's address, which outlives every instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.probe import origin_of
from orchestrator.resources import instance
from orchestrator.resources.creation import (
    Change,
    delete_each,
    missing,
    once,
    present,
    settled,
    the,
)
from orchestrator.resources.ownership import Found, sort

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef

    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger

_ROLE = "address"


def plan(clients: Clients, _: Deployment, ledger: Ledger) -> list[Change]:
    there = bool(_found(clients, ledger).ours)
    return [(present if there else missing)("address", "Elastic IP")]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"address": public IPv4}, attached to the current instance once that runs."""
    allocation = once(
        ledger,
        _ROLE,
        lambda: _found(clients, ledger),
        lambda _: _allocate(clients, deployment),
        settle=clients.settings.settle_seconds,
    )
    current = ledger.deployment()["instance_id"]
    instance.must_run(clients, ledger, current)
    answer = _described(clients, allocation)
    described = the(answer, ledger, _ROLE, clients.settings.settle_seconds)
    if described.get("InstanceId") != current:
        clients.ec2.associate_address(
            AllocationId=allocation, InstanceId=current, AllowReassociation=True
        )
    address = described["PublicIp"]
    endpoint = origin_of(deployment.host, address)
    row = ledger.deployment()
    if (row.get("address"), row.get("endpoint")) != (address, endpoint):
        ledger.record(address=address, endpoint=endpoint)
    return {"address": address, "endpoint": endpoint}


def destroy(clients: Clients, _: Deployment, ledger: Ledger) -> None:
    settled(ledger, _ROLE, clients.settings.settle_seconds)
    delete_each(
        clients,
        ledger,
        _ROLE,
        _found(clients, ledger),
        lambda address: _release(clients, address),
        describe=lambda address: _described(clients, address),
        gone="InvalidAllocationID.NotFound",
    )


def _allocate(clients: Clients, deployment: Deployment) -> str:
    return clients.ec2_once.allocate_address(
        Domain="vpc",
        TagSpecifications=naming.specification(
            clients.settings.installation, deployment, "elastic-ip", _ROLE
        ),
    )["AllocationId"]


def _release(clients: Clients, allocation: str) -> None:
    for described in _described(clients, allocation):
        if association := described.get("AssociationId"):
            with tolerating("InvalidAssociationID.NotFound"):
                clients.ec2.disassociate_address(AssociationId=association)
    clients.ec2.release_address(AllocationId=allocation)


def _described(clients: Clients, allocation: str) -> list[AddressTypeDef]:
    return clients.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]


def _found(clients: Clients, ledger: Ledger) -> Found:
    described = clients.ec2.describe_addresses(Filters=naming.owned(ledger.name, _ROLE))
    found = described["Addresses"]
    return sort(ledger, ((address["AllocationId"], address["Tags"]) for address in found))
