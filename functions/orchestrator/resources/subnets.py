"""Public and private subnets over the zones, and their route tables."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.capacity import pools
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

_MAX_ZONES = 3  # of network.zones
_MAX_PUBLIC = 16  # as many ranges as are kept free for them
_ANYWHERE = "0.0.0.0/0"
_KINDS = ("public", "private")
_ROLE = re.compile(r"(public|private)-subnet-(\d+)")


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str
) -> tuple[list[str], list[str]]:
    """Return the ids of the public and of the private subnets.

    One of each in network.zones zones, and a public one in every other zone of the pools.
    """
    layout = _layout(clients, deployment, ledger)
    public, private = (
        [
            _subnet(clients, deployment, ledger, vpc, kind, k, layout[kind][k])
            for k in sorted(layout[kind])
        ]
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
    for role in _roles(clients, ledger):
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
    """Return the subnets' ranges: three large private ones, then sixteen small public ones.

    10.0.0.0/16 gives private 10.0.0.0/20, 10.0.16.0/20, 10.0.32.0/20 and public 10.0.48.0/24 ...
    """
    network = ipaddress.IPv4Network(cidr)
    if kind == "private":
        return [str(part) for part in list(network.subnets(4))[:_MAX_ZONES]]
    return [str(part) for part in list(network.subnets(8))[48 : 48 + _MAX_PUBLIC]]


def placed(
    there: dict[str, dict[int, str]], spread: list[str], launching: list[str], wanted: int
) -> dict[str, dict[int, str]]:
    """Return kind -> number -> zone of every subnet: those that are there stay where they are.

    spread: zones for the first `wanted` subnets of each kind; launching: zones that need a public
    one besides. A number's public and private subnet are in one zone where both are new.
    """
    layout = {kind: dict(there.get(kind, {})) for kind in _KINDS}
    for k in range(wanted):
        for kind, other in (_KINDS, tuple(reversed(_KINDS))):
            taken = set(layout[kind].values())
            free = [layout[other].get(k), *spread]
            if k not in layout[kind]:
                unused = (zone for zone in free if zone and zone not in taken)
                layout[kind][k] = next(unused, spread[0])
    free_numbers = (k for k in range(_MAX_PUBLIC) if k not in layout["public"])
    missing = [zone for zone in launching if zone not in layout["public"].values()]
    layout["public"] |= dict(zip(free_numbers, missing, strict=False))
    return layout


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


def _layout(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, dict[int, str]]:
    """Return kind -> number -> zone of the subnets that the deployment is to have."""
    there: dict[str, dict[int, str]] = {}
    described = _described(clients, ledger, None)
    ours = set(_sorted(ledger, described).ours)
    for subnet in (each for each in described if each["SubnetId"] in ours):
        if role := _ROLE.fullmatch(_role_of(subnet)):
            there.setdefault(role[1], {})[int(role[2])] = subnet["AvailabilityZone"]
    wanted, spec = deployment.network.zones, deployment.instance
    offered = offering(clients, spec.preferred_types)
    launching = pools.zones_of(clients, spec, offered)
    others = sorted({zone for some in offered.values() for zone in some} - set(launching))
    used = dict.fromkeys(zone for some in there.values() for zone in some.values())
    spread = list(dict.fromkeys([*used, *launching, *others]))
    if len(spread) < wanted:
        raise InvalidRequest(
            f"network.zones: {wanted} are needed, but {' and '.join(spec.preferred_types)} is "
            f"offered in {len(spread)} zones of {clients.settings.region}: {', '.join(spread)}"
        )
    return placed(there, spread, launching, wanted)


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


def _role_of(subnet: SubnetTypeDef) -> str:
    return next((tag["Value"] for tag in subnet["Tags"] if tag["Key"] == naming.ROLE), "")


def _roles(clients: Clients, ledger: Ledger) -> list[str]:
    """Return the roles of the subnets that the ledger or a tag names, the public ones first."""
    tagged = {_role_of(each) for each in _described(clients, ledger, None)}
    known = {row.kind for row in ledger.resources()}
    roles = filter(None, map(_ROLE.fullmatch, tagged | known))
    found = sorted((_KINDS.index(role[1]), int(role[2])) for role in roles)
    return [_role(_KINDS[kind], k) for kind, k in found]


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
