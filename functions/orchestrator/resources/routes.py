"""The route tables of the public and of the private subnets: local, one default route or none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.deletion import delete_each
from orchestrator.creation.drift import Drift, mend
from orchestrator.creation.once import existing, once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.visibility import ById, settled, the
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import RouteTableTypeDef

KINDS = ("public", "private")
_ANYWHERE = "0.0.0.0/0"
_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
_TARGETS = (
    *("GatewayId", "NatGatewayId", "InstanceId", "NetworkInterfaceId", "TransitGatewayId"),
    *("VpcPeeringConnectionId", "EgressOnlyInternetGatewayId", "LocalGatewayId"),
    *("CarrierGatewayId", "CoreNetworkArn"),
)


def ensure(
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
    mend(ledger, "network", drifts(clients, ledger, kind, table, members, way_out))


def found(clients: Clients, ledger: Ledger, kind: str) -> list[str]:
    """Return the kind's route table, if it is there."""
    role = _role(kind)
    return existing(ledger, role, lambda: _found(clients, ledger, role), _by_id(clients))


def drifts(
    clients: Clients,
    ledger: Ledger,
    kind: str,
    table: str,
    members: list[str],
    way_out: dict[str, str],
) -> Iterator[Drift]:
    """Yield routes that are not ours, a default route that leads elsewhere, and moved subnets."""
    described = the(_described(clients, table), ledger, _role(kind))
    yield from _route_drifts(clients, kind, described, way_out)
    associated = {each.get("SubnetId") for each in described["Associations"]}
    for subnet in (member for member in members if member not in associated):
        yield _moved(clients, kind, table, subnet)


def destroy(clients: Clients, ledger: Ledger, kind: str) -> None:
    role = _role(kind)
    settled(ledger, role)
    delete_each(
        ledger,
        role,
        _found(clients, ledger, role),
        lambda table: _delete(clients, table),
        _by_id(clients),
    )


def _route_drifts(
    clients: Clients, kind: str, table: RouteTableTypeDef, way_out: dict[str, str]
) -> Iterator[Drift]:
    where = f"{kind} route table {table['RouteTableId']}"
    default: Any = {
        "RouteTableId": table["RouteTableId"],
        "DestinationCidrBlock": _ANYWHERE,
        **way_out,
    }
    out = next(iter(way_out.values()), "")
    has_default = False
    for route in table["Routes"]:
        is_default = route.get("DestinationCidrBlock") == _ANYWHERE and bool(way_out)
        has_default = has_default or is_default
        what = f"{where}: {_shown(route)}"
        if _is_of_aws(route) or (is_default and _leads_to(route, way_out)):
            continue
        if _is_of_a_service(route):
            yield Drift(what, "it goes with the endpoint or VPN that made it: delete that one")
        elif is_default:
            yield Drift(what, f"leads to {out}", partial(clients.ec2.replace_route, **default))
        else:
            yield Drift(
                what, "no route of the specification", partial(_delete_route, clients, table, route)
            )
    if way_out and not has_default:
        what = f"{where}: no route to {_ANYWHERE}"
        yield Drift(what, f"leads to {out}", partial(_create_route, clients, default))


def _moved(clients: Clients, kind: str, table: str, subnet: str) -> Drift:
    """Return the difference of a subnet that the main table serves, or another one."""
    filters: Any = [{"Name": "association.subnet-id", "Values": [subnet]}]
    others = clients.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    for association in (each for other in others for each in other["Associations"]):
        if association.get("SubnetId") == subnet:
            return Drift(
                f"subnet {subnet} has the route table {association['RouteTableId']}",
                f"{kind} subnets have {table}",
                partial(
                    clients.ec2.replace_route_table_association,
                    AssociationId=association["RouteTableAssociationId"],
                    RouteTableId=table,
                ),
            )
    return Drift(
        f"subnet {subnet} has no route table of its own",
        f"{kind} subnets have {table}",
        partial(_associate, clients, table, subnet),
    )


def _associate(clients: Clients, table: str, subnet: str) -> None:
    with tolerating("Resource.AlreadyAssociated"):
        clients.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def _create_route(clients: Clients, route: Any) -> None:
    with tolerating("RouteAlreadyExists"):
        clients.ec2.create_route(**route)


def _delete_route(clients: Clients, table: RouteTableTypeDef, route: Any) -> None:
    destination = {key: route[key] for key in _DESTINATIONS if route.get(key)}
    with tolerating("InvalidRoute.NotFound"):
        clients.ec2.delete_route(RouteTableId=table["RouteTableId"], **destination)


def _is_of_aws(route: Any) -> bool:
    """Return whether the route is the VPC's own, which no one can delete."""
    return bool(route.get("GatewayId") == "local")


def _is_of_a_service(route: Any) -> bool:
    """Return whether only the end of a VPC endpoint or of a VPN takes the route away."""
    is_endpoints = str(route.get("GatewayId", "")).startswith("vpce-")
    return is_endpoints or route.get("Origin") == "EnableVgwRoutePropagation"


def _leads_to(route: Any, way_out: dict[str, str]) -> bool:
    """Return whether the route leads there still: what was removed leaves a blackhole."""
    return route.get("State") != "blackhole" and bool(way_out.items() <= route.items())


def _shown(route: Any) -> str:
    destination = next((route[key] for key in _DESTINATIONS if route.get(key)), "?")
    target = next((route[key] for key in _TARGETS if route.get(key)), "nothing")
    lost = " (blackhole)" if route.get("State") == "blackhole" else ""
    return f"{destination} to {target}{lost}"


def _table(clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str, kind: str) -> str:
    role = _role(kind)

    def create(row: ResourceRow) -> str:
        created = clients.ec2.create_route_table(
            VpcId=vpc,
            ClientToken=str(row.token),
            TagSpecifications=naming.specification(
                ledger.installation, deployment, "route-table", role
            ),
        )
        return created["RouteTable"]["RouteTableId"]

    find = partial(_found, clients, ledger, role)
    return once(ledger, role, find, create, _by_id(clients), tokened=True)


def _delete(clients: Clients, table: str) -> None:
    """Take the subnets off a route table, which cannot be deleted before, and delete it."""
    for described in _described(clients, table):
        for association in described["Associations"]:
            with tolerating("InvalidAssociationID.NotFound"):
                clients.ec2.disassociate_route_table(
                    AssociationId=association["RouteTableAssociationId"]
                )
    clients.ec2.delete_route_table(RouteTableId=table)


def _role(kind: str) -> str:
    return f"{kind}-routes"


def _by_id(clients: Clients) -> ById:
    return ById(lambda table: _described(clients, table), "InvalidRouteTableID.NotFound")


def _described(clients: Clients, table: str) -> list[RouteTableTypeDef]:
    return clients.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]


def _found(clients: Clients, ledger: Ledger, role: str) -> Found:
    filters = naming.owned(ledger.name, role)
    tables = clients.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    return sort(ledger, ((table["RouteTableId"], table["Tags"]) for table in tables))
