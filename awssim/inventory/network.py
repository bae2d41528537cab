"""VPCs and what hangs in them. Default VPC, main route tables, default groups are AWS's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awssim.clients import client
from awssim.inventory.item import Item, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = frozenset(
    {"vpcs", "subnets", "internet_gateways", "nat_gateways", "route_tables", "security_groups"}
)


def read() -> Iterator[Item]:
    ec2 = client("ec2")
    vpcs = ec2.describe_vpcs()["Vpcs"]
    default = {vpc["VpcId"] for vpc in vpcs if vpc["IsDefault"]}
    for vpc in vpcs:
        if not vpc["IsDefault"]:
            yield Item("vpcs", vpc["VpcId"], f"{vpc['CidrBlock']} {tags_of(vpc)}")
    yield from _subnets(ec2, default)
    yield from _internet_gateways(ec2, default)
    yield from _nat_gateways(ec2)
    yield from _route_tables(ec2, default)
    yield from _security_groups(ec2)


def _subnets(ec2: Any, default: set[str]) -> Iterator[Item]:
    for subnet in ec2.describe_subnets()["Subnets"]:
        if subnet["VpcId"] not in default:
            public = "public" if subnet["MapPublicIpOnLaunch"] else "private"
            looks = f"{subnet['CidrBlock']} {subnet['AvailabilityZone']} {public} {tags_of(subnet)}"
            yield Item("subnets", subnet["SubnetId"], looks)


def _internet_gateways(ec2: Any, default: set[str]) -> Iterator[Item]:
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        attached = {attachment["VpcId"] for attachment in gateway["Attachments"]}
        if not attached or attached - default:
            looks = f"{'attached' if attached else 'detached'} {tags_of(gateway)}"
            yield Item("internet_gateways", gateway["InternetGatewayId"], looks)


def _nat_gateways(ec2: Any) -> Iterator[Item]:
    for gateway in ec2.describe_nat_gateways()["NatGateways"]:
        if gateway["State"] != "deleted":
            dying = "deleting " if gateway["State"] == "deleting" else ""
            yield Item("nat_gateways", gateway["NatGatewayId"], dying + tags_of(gateway))


def _route_tables(ec2: Any, default: set[str]) -> Iterator[Item]:
    for table in ec2.describe_route_tables()["RouteTables"]:
        associations = table["Associations"]
        if table["VpcId"] in default or any(a.get("Main") for a in associations):
            continue
        routes = sorted(_route(route) for route in table["Routes"])
        looks = f"{' '.join(routes)} subnets={len(associations)} {tags_of(table)}"
        yield Item("route_tables", table["RouteTableId"], looks)


def _route(route: dict[str, Any]) -> str:
    target = route.get("NatGatewayId") or route.get("GatewayId", "other")
    return f"{route.get('DestinationCidrBlock')}->{target.partition('-')[0]}"


def _security_groups(ec2: Any) -> Iterator[Item]:
    for group in ec2.describe_security_groups()["SecurityGroups"]:
        if group["GroupName"] != "default":
            doors = sorted(door for rule in group["IpPermissions"] for door in _doors(rule))
            looks = f"{group['GroupName']} {' '.join(doors)} {tags_of(group)}"
            yield Item("security_groups", group["GroupId"], looks)


def _doors(rule: dict[str, Any]) -> list[str]:
    ports = f"{rule['IpProtocol']}:{rule.get('FromPort', 'any')}-{rule.get('ToPort', 'any')}"
    sources = [source["CidrIp"] for source in rule["IpRanges"]]
    sources += [source["CidrIpv6"] for source in rule.get("Ipv6Ranges", [])]
    return [f"{ports}<-{source}" for source in sources]
