"""Public and private subnets over the zones, and their route tables."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.capacity.zones import offering
from orchestrator.creation.deletion import delete_each
from orchestrator.creation.once import once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.visibility import settled, the
from orchestrator.errors import InvalidRequest
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import RouteTableTypeDef, RouteTypeDef, SubnetTypeDef

_MAX_ZONES = 3
_ANYWHERE = "0.0.0.0/0"
_KINDS = ("public", "private")


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str
) -> tuple[list[str], list[str]]:
    """Return the ids of the public and of the private subnets, one each per zone."""
    zones = _zones(clients, deployment, ledger)
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
    described = the(_table_of(clients, table), ledger, f"{kind}-routes")
    if way_out and not _leads_to(described, way_out):
        _lead(clients, described, way_out)
    associated = {a.get("SubnetId") for a in described["Associations"]}
    for subnet in [member for member in members if member not in associated]:
        with tolerating("Resource.AlreadyAssociated"):
            clients.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def destroy(clients: Clients, ledger: Ledger) -> None:
    for kind in _KINDS:
        role = f"{kind}-routes"
        settled(ledger, role)
        delete_each(
            ledger,
            role,
            _tables(clients, ledger, role),
            lambda table: _delete_table(clients, table),
            describe=lambda table: _table_of(clients, table),
            gone="InvalidRouteTableID.NotFound",
        )
        for k in range(_MAX_ZONES):
            role = _role(kind, k)
            settled(ledger, role)
            delete_each(
                ledger,
                role,
                _found(clients, ledger, role),
                lambda subnet: clients.ec2.delete_subnet(SubnetId=subnet),
                describe=lambda subnet: clients.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"],
                gone="InvalidSubnetID.NotFound",
            )


def _delete_table(clients: Clients, table: str) -> None:
    """Take the subnets off a route table, which cannot be deleted before, and delete it."""
    for described in _table_of(clients, table):
        for association in described["Associations"]:
            with tolerating("InvalidAssociationID.NotFound"):
                clients.ec2.disassociate_route_table(
                    AssociationId=association["RouteTableAssociationId"]
                )
    clients.ec2.delete_route_table(RouteTableId=table)


def _table_of(clients: Clients, table: str) -> list[RouteTableTypeDef]:
    return clients.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]


def found(clients: Clients, ledger: Ledger) -> Found:
    """Return every subnet of the deployment."""
    return _found(clients, ledger, None)


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

    return once(ledger, role, lambda: _found(clients, ledger, role), create)


def _table(clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str, kind: str) -> str:
    role = f"{kind}-routes"

    def create(row: ResourceRow) -> str:
        created = clients.ec2.create_route_table(
            VpcId=vpc,
            ClientToken=str(row.token),
            TagSpecifications=naming.specification(
                ledger.installation, deployment, "route-table", role
            ),
        )
        return created["RouteTable"]["RouteTableId"]

    return once(ledger, role, lambda: _tables(clients, ledger, role), create, tokened=True)


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


def _lead(clients: Clients, table: RouteTableTypeDef, way_out: dict[str, str]) -> None:
    """Set the default route; that of a gateway which was removed stays behind as a blackhole."""
    route: Any = {
        "RouteTableId": table["RouteTableId"],
        "DestinationCidrBlock": _ANYWHERE,
        **way_out,
    }
    if _default_routes(table):
        clients.ec2.replace_route(**route)
        return
    with tolerating("RouteAlreadyExists"):
        clients.ec2.create_route(**route)


def _leads_to(table: RouteTableTypeDef, way_out: dict[str, str]) -> bool:
    return any(
        way_out.items() <= {str(k): str(v) for k, v in route.items()}.items()
        for route in _default_routes(table)
    )


def _default_routes(table: RouteTableTypeDef) -> list[RouteTypeDef]:
    return [r for r in table["Routes"] if r.get("DestinationCidrBlock") == _ANYWHERE]


def _role(kind: str, k: int) -> str:
    return f"{kind}-subnet-{k}"


def _found(clients: Clients, ledger: Ledger, role: str | None) -> Found:
    return _sorted(ledger, _described(clients, ledger, role))


def _described(clients: Clients, ledger: Ledger, role: str | None) -> list[SubnetTypeDef]:
    return clients.ec2.describe_subnets(Filters=naming.owned(ledger.name, role))["Subnets"]


def _sorted(ledger: Ledger, there: list[SubnetTypeDef]) -> Found:
    return sort(ledger, ((subnet["SubnetId"], subnet["Tags"]) for subnet in there))


def _tables(clients: Clients, ledger: Ledger, role: str) -> Found:
    filters = naming.owned(ledger.name, role)
    tables = clients.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    return sort(ledger, ((table["RouteTableId"], table["Tags"]) for table in tables))
