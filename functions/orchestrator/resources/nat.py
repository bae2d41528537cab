"""The NAT gateway of the private subnets and its Elastic IP; only when network.nat asks for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.deletion import delete_each, known
from orchestrator.creation.once import once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.visibility import ById, settled, the, wait_until_visible
from orchestrator.errors import Pending, Refused
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import NatGatewayTypeDef

_NAT, _ADDRESS = "nat", "nat-address"
_LIVE = ["pending", "available", "failed"]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger, subnet: str) -> str:
    """Return the id of the available NAT gateway; Pending while AWS starts it (1-2 minutes)."""
    address = _ensure_address(clients, deployment, ledger)

    def create(row: ResourceRow) -> str:
        created = clients.ec2.create_nat_gateway(
            SubnetId=subnet,
            AllocationId=address,
            ClientToken=str(row.token),
            TagSpecifications=naming.specification(
                ledger.installation, deployment, "natgateway", _NAT
            ),
        )
        return created["NatGateway"]["NatGatewayId"]

    find = partial(found, clients, ledger)
    gateway = once(ledger, _NAT, find, create, _by_id(clients), tokened=True)
    answer = clients.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
    described = the(answer, ledger, _NAT)
    if described["State"] == "failed":
        raise Refused(
            f"NAT gateway {gateway} failed: {described.get('FailureMessage', 'no reason given')}"
        )
    if described["State"] != "available":
        raise Pending(f"NAT gateway {gateway} is {described['State']}")
    return gateway


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Raise Pending until AWS has deleted the gateway: it holds the address until then."""
    for role in (_NAT, _ADDRESS):
        settled(ledger, role)
    for gateway in known(ledger, _NAT, found(clients, ledger)):
        _delete(clients, ledger, gateway)
    ledger.forget(_NAT)
    delete_each(
        ledger,
        _ADDRESS,
        _addresses(clients, ledger),
        lambda address: clients.ec2.release_address(AllocationId=address),
        _address_by_id(clients),
    )


def found(clients: Clients, ledger: Ledger) -> Found:
    """Return the gateways that exist and are not being deleted."""
    # boto3's stubs spell this one parameter unlike boto3 itself.
    described = clients.ec2.describe_nat_gateways(
        Filter=[*naming.owned(ledger.name, _NAT), {"Name": "state", "Values": _LIVE}]  # type: ignore[call-arg]
    )
    gateways = described["NatGateways"]
    return sort(ledger, ((gateway["NatGatewayId"], gateway["Tags"]) for gateway in gateways))


def _delete(clients: Clients, ledger: Ledger, gateway: str) -> None:
    state = None
    with tolerating("NatGatewayNotFound"):
        for described in clients.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]:
            state = described["State"]
        if state in _LIVE:
            clients.ec2.delete_nat_gateway(NatGatewayId=gateway)
    if state is None:
        wait_until_visible(ledger, _NAT)
    elif state != "deleted":
        raise Pending(f"NAT gateway {gateway} is being deleted")


def _ensure_address(clients: Clients, deployment: Deployment, ledger: Ledger) -> str:
    def create(_: ResourceRow) -> str:
        return clients.ec2_once.allocate_address(
            Domain="vpc",
            TagSpecifications=naming.specification(
                ledger.installation, deployment, "elastic-ip", _ADDRESS
            ),
        )["AllocationId"]

    find = partial(_addresses, clients, ledger)
    return once(ledger, _ADDRESS, find, create, _address_by_id(clients))


def _by_id(clients: Clients) -> ById:
    """A deleted gateway is shown for an hour, so only one that lives counts."""

    def living(gateway: str) -> list[NatGatewayTypeDef]:
        found = clients.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
        return [each for each in found if each["State"] in _LIVE]

    return ById(living, "NatGatewayNotFound")


def _address_by_id(clients: Clients) -> ById:
    return ById(
        lambda address: clients.ec2.describe_addresses(AllocationIds=[address])["Addresses"],
        "InvalidAllocationID.NotFound",
    )


def _addresses(clients: Clients, ledger: Ledger) -> Found:
    described = clients.ec2.describe_addresses(Filters=naming.owned(ledger.name, _ADDRESS))
    found = described["Addresses"]
    return sort(ledger, ((address["AllocationId"], address["Tags"]) for address in found))
