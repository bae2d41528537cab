"""Public and private subnets over the zones."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.capacity.zones import offering
from orchestrator.creation.deletion import delete_each
from orchestrator.creation.drift import Drift
from orchestrator.creation.once import once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.visibility import ById, settled
from orchestrator.errors import InvalidRequest
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.resources.routes import KINDS
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SubnetTypeDef

_MAX_ZONES = 3


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str
) -> tuple[list[str], list[str]]:
    """Return the ids of the public and of the private subnets, one each per zone."""
    zones = _zones(clients, deployment, ledger)
    public, private = (
        [_subnet(clients, deployment, ledger, vpc, kind, k, zones[k]) for k in range(len(zones))]
        for kind in KINDS
    )
    return public, private


def drifts(clients: Clients, ledger: Ledger) -> Iterator[Drift]:
    """Yield the subnets that give every machine a public address: a host asks for its own."""
    there = _described(clients, ledger, None)
    ours = set(_sorted(ledger, there).ours)
    for subnet in (each for each in there if each["SubnetId"] in ours):
        if subnet.get("MapPublicIpOnLaunch"):
            identifier = subnet["SubnetId"]
            yield Drift(
                f"subnet {identifier} gives every instance a public address",
                "none but the host gets one",
                partial(
                    clients.ec2.modify_subnet_attribute,
                    SubnetId=identifier,
                    MapPublicIpOnLaunch={"Value": False},
                ),
            )


def destroy(clients: Clients, ledger: Ledger, kind: str) -> None:
    for k in range(_MAX_ZONES):
        role = _role(kind, k)
        settled(ledger, role)
        delete_each(
            ledger,
            role,
            _found(clients, ledger, role),
            lambda subnet: clients.ec2.delete_subnet(SubnetId=subnet),
            _by_id(clients),
        )


def found(clients: Clients, ledger: Ledger) -> Found:
    """Return every subnet of the deployment."""
    return _found(clients, ledger, None)


def of_kind(clients: Clients, ledger: Ledger, kind: str) -> list[str]:
    """Return the ids of the public or of the private subnets that are there."""
    there = [_found(clients, ledger, _role(kind, k)).ours for k in range(_MAX_ZONES)]
    return [subnet for some in there for subnet in some]


def ranges(cidr: str, kind: str) -> list[str]:
    """Return the subnets' ranges: three large private ones, then three small public ones.

    10.0.0.0/16 gives private 10.0.0.0/20, 10.0.16.0/20, 10.0.32.0/20 and public 10.0.48.0/24 ...
    """
    network = ipaddress.IPv4Network(cidr)
    if kind == "private":
        return [str(part) for part in list(network.subnets(4))[:_MAX_ZONES]]
    return [str(part) for part in list(network.subnets(8))[48 : 48 + _MAX_ZONES]]


def _subnet(
    clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str, kind: str, k: int, zone: str
) -> str:
    role = _role(kind, k)

    def create(_: ResourceRow) -> str:
        created = clients.ec2_once.create_subnet(
            VpcId=vpc,
            CidrBlock=ranges(deployment.network.cidr, kind)[k],
            AvailabilityZone=zone,
            TagSpecifications=naming.specification(ledger.installation, deployment, "subnet", role),
        )
        return created["Subnet"]["SubnetId"]

    find = partial(_found, clients, ledger, role)
    return once(ledger, role, find, create, _by_id(clients))


def _zones(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[str]:
    """Return the zones to use: those of the subnets we have, else the first that offer the type."""
    there = _described(clients, ledger, None)
    ours = set(_sorted(ledger, there).ours)
    zones = sorted({s["AvailabilityZone"] for s in there if s["SubnetId"] in ours})
    types = deployment.instance.preferred_types
    offered = sorted({zone for some in offering(clients, types).values() for zone in some})
    zones += [zone for zone in offered if zone not in zones]
    if len(zones) < deployment.network.zones:
        raise InvalidRequest(
            f"network.zones: {deployment.network.zones} are needed, but {' and '.join(types)} is "
            f"offered in {len(zones)} zones of {clients.settings.region}: {', '.join(zones)}"
        )
    return zones[: deployment.network.zones]


def _role(kind: str, k: int) -> str:
    return f"{kind}-subnet-{k}"


def _by_id(clients: Clients) -> ById:
    return ById(
        lambda subnet: clients.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"],
        "InvalidSubnetID.NotFound",
    )


def _found(clients: Clients, ledger: Ledger, role: str | None) -> Found:
    return _sorted(ledger, _described(clients, ledger, role))


def _described(clients: Clients, ledger: Ledger, role: str | None) -> list[SubnetTypeDef]:
    return clients.ec2.describe_subnets(Filters=naming.owned(ledger.name, role))["Subnets"]


def _sorted(ledger: Ledger, there: list[SubnetTypeDef]) -> Found:
    return sort(ledger, ((subnet["SubnetId"], subnet["Tags"]) for subnet in there))
