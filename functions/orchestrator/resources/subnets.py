"""Public and private subnets over the zones, and their route tables."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import InvalidRequest
from orchestrator.resources.creation import delete_each, once, settled, the
from orchestrator.resources.zones import offering

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import RouteTableTypeDef

    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger, Row

_MAX_ZONES = 3
_KINDS = ("public", "private")


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str
) -> tuple[list[str], list[str]]:
    """Return the ids of the public and of the private subnets, one each per zone."""
    zones = _zones(clients, deployment)
    public, private = (
        [_subnet(clients, deployment, ledger, vpc, kind, k, zones[k]) for k in range(len(zones))]
        for kind in _KINDS
    )
    return public, private


def route(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    vpc: str,
    kind: str,
    members: list[str],
    way_out: dict[str, str],
) -> None:
    """Give the subnets `members` one route table whose default route is `way_out` (or none)."""
    table = _table(clients, deployment, ledger, vpc, kind)
    answer = clients.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    described = the(answer, ledger, f"{kind}-routes", clients.settings.settle_seconds)
    if way_out and not _leads_to(described, way_out):
        with tolerating("RouteAlreadyExists"):
            clients.ec2.create_route(
                RouteTableId=table,
                DestinationCidrBlock="0.0.0.0/0",
                **way_out,  # type: ignore[arg-type]
            )
    associated = {a.get("SubnetId") for a in described["Associations"]}
    for subnet in [member for member in members if member not in associated]:
        with tolerating("Resource.AlreadyAssociated"):
            clients.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def destroy(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    name, settle = deployment.name, clients.settings.settle_seconds
    for kind in _KINDS:
        role = f"{kind}-routes"
        settled(ledger, role, settle)
        delete_each(
            clients,
            ledger,
            role,
            _tables(clients, name, role),
            lambda table: _delete_table(clients, table),
            gone="InvalidRouteTableID.NotFound",
        )
        for k in range(_MAX_ZONES):
            role = _role(kind, k)
            settled(ledger, role, settle)
            delete_each(
                clients,
                ledger,
                role,
                _found(clients, name, role),
                lambda subnet: clients.ec2.delete_subnet(SubnetId=subnet),
                gone="InvalidSubnetID.NotFound",
            )


def _delete_table(clients: Clients, table: str) -> None:
    """Take the subnets off a route table, which cannot be deleted before, and delete it."""
    for described in clients.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]:
        for association in described["Associations"]:
            with tolerating("InvalidAssociationID.NotFound"):
                clients.ec2.disassociate_route_table(
                    AssociationId=association["RouteTableAssociationId"]
                )
    clients.ec2.delete_route_table(RouteTableId=table)


def found(clients: Clients, name: str) -> list[str]:
    """Return every subnet of the deployment."""
    return _found(clients, name, None)


def ranges(cidr: str, kind: str) -> list[str]:
    """Return the subnets' ranges: three large private ones, then three small public ones.

    10.0.0.0/16 gives private 10.0.0.0/20, 10.0.16.0/20, 10.0.32.0/20 and public 10.0.48.0/24 ...
    """
    network = ipaddress.IPv4Network(cidr)
    if kind == "private":
        return [str(part) for part in list(network.subnets(4))[:_MAX_ZONES]]
    return [str(part) for part in list(network.subnets(8))[48 : 48 + _MAX_ZONES]]


def _subnet(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    vpc: str,
    kind: str,
    k: int,
    zone: str,
) -> str:
    role = _role(kind, k)

    def create(_: Row) -> str:
        created = clients.ec2_once.create_subnet(
            VpcId=vpc,
            CidrBlock=ranges(deployment.network.cidr, kind)[k],
            AvailabilityZone=zone,
            TagSpecifications=naming.specification(deployment, "subnet", role),
        )
        return created["Subnet"]["SubnetId"]

    return once(
        ledger,
        role,
        lambda: _found(clients, deployment.name, role),
        create,
        settle=clients.settings.settle_seconds,
    )


def _table(clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str, kind: str) -> str:
    role = f"{kind}-routes"

    def create(row: Row) -> str:
        created = clients.ec2.create_route_table(
            VpcId=vpc,
            ClientToken=row["token"],
            TagSpecifications=naming.specification(deployment, "route-table", role),
        )
        return created["RouteTable"]["RouteTableId"]

    return once(
        ledger,
        role,
        lambda: _tables(clients, deployment.name, role),
        create,
        settle=clients.settings.settle_seconds,
        tokened=True,
    )


def _zones(clients: Clients, deployment: Deployment) -> list[str]:
    """Return the zones to use: those of the subnets we have, else the first that offer the type."""
    kept = clients.ec2.describe_subnets(Filters=naming.owned(deployment.name))["Subnets"]
    zones = sorted({subnet["AvailabilityZone"] for subnet in kept})
    offered = offering(clients, deployment.instance.type)
    zones += [zone for zone in offered if zone not in zones]
    if len(zones) < deployment.network.zones:
        raise InvalidRequest(
            f"network.zones: {deployment.network.zones} wanted, but {deployment.instance.type} is "
            f"offered in {len(zones)} zones of {clients.settings.region}: {', '.join(zones)}"
        )
    return zones[: deployment.network.zones]


def _leads_to(table: RouteTableTypeDef, way_out: dict[str, str]) -> bool:
    return any(
        route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and way_out.items() <= {str(k): str(v) for k, v in route.items()}.items()
        for route in table["Routes"]
    )


def _role(kind: str, k: int) -> str:
    return f"{kind}-subnet-{k}"


def _found(clients: Clients, name: str, role: str | None) -> list[str]:
    filters = naming.owned(name, role)
    return [s["SubnetId"] for s in clients.ec2.describe_subnets(Filters=filters)["Subnets"]]


def _tables(clients: Clients, name: str, role: str) -> list[str]:
    tables = clients.ec2.describe_route_tables(Filters=naming.owned(name, role))["RouteTables"]
    return [table["RouteTableId"] for table in tables]
