"""The Elastic IP: the endpoint's address, which outlives every instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation import ownership
from orchestrator.creation.deletion import delete_each
from orchestrator.creation.once import once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import settled, the
from orchestrator.ledger.store import Ledger
from orchestrator.resources import instance
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef

_ROLE = "address"


def plan(clients: Clients, _: Deployment, ledger: Ledger) -> list[Change]:
    there = bool(_found(clients, ledger).ours)
    return [planned("address", "Elastic IP", there=there)]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"address": public IPv4}, attached to the current instance once that runs."""
    allocation = once(
        ledger, _ROLE, lambda: _found(clients, ledger), lambda _: _allocate(clients, deployment)
    )
    current = ledger.deployment()["instance_id"]
    instance.must_run(clients, ledger, current)
    answer = _described(clients, allocation)
    described = the(answer, ledger, _ROLE)
    if described.get("InstanceId") != current:
        clients.ec2.associate_address(
            AllocationId=allocation, InstanceId=current, AllowReassociation=True
        )
    address = described["PublicIp"]
    endpoint = deployment.endpoint(address)
    row = ledger.deployment()
    if (row.get("address"), row.get("endpoint")) != (address, endpoint):
        ledger.record(address=address, endpoint=endpoint)
    return {"address": address, "endpoint": endpoint}


def destroy(clients: Clients, ledger: Ledger) -> None:
    settled(ledger, _ROLE)
    delete_each(
        ledger,
        _ROLE,
        _found(clients, ledger),
        lambda address: _release(clients, address),
        describe=lambda address: _described(clients, address),
        gone="InvalidAllocationID.NotFound",
    )


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return our Elastic IPs, the NAT gateway's too."""
    return ownership.tagged(clients, ledger, only="elastic-ip").ours


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
