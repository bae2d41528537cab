# ruff: noqa: SLF001 - ministack's private names are what this fix reads
"""Checks before a network call: unknown ids, conflicts, dependencies.

Each takes the call's parameters and returns AWS's error, or None when there is nothing to refuse.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, TypeAlias

from ministack.services import ec2

from twin.emulator.ec2_api import (
    Answer,
    Parameters,
    error,
    live_instances,
    members,
    value,
)

Check: TypeAlias = Callable[[Parameters], Answer | None]


def _known(parameter: str, store: Any, code: str) -> Check:
    def check(parameters: Parameters) -> Answer | None:
        name = value(parameters, parameter)
        return None if name in store else error(code, f"The ID '{name}' does not exist")

    return check


KNOWN_VPC = _known("VpcId", ec2._vpcs, "InvalidVpcID.NotFound")
KNOWN_SUBNET = _known("SubnetId", ec2._subnets, "InvalidSubnetID.NotFound")
KNOWN_GATEWAY = _known(
    "InternetGatewayId", ec2._internet_gateways, "InvalidInternetGatewayID.NotFound"
)
KNOWN_TABLE = _known("RouteTableId", ec2._route_tables, "InvalidRouteTableID.NotFound")


def _depends(kind: str, name: str) -> Answer:
    return error(
        "DependencyViolation", f"The {kind} '{name}' has dependencies and cannot be deleted."
    )


def vpc_size(parameters: Parameters) -> Answer | None:
    cidr = value(parameters, "CidrBlock")
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return error(
            "InvalidParameterValue",
            f"Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        )
    if 16 <= network.prefixlen <= 28:  # noqa: PLR2004 - AWS's limits
        return None
    return error("InvalidVpc.Range", f"The CIDR '{cidr}' is invalid.")


def subnet_fits(parameters: Parameters) -> Answer | None:
    vpc, cidr = value(parameters, "VpcId"), value(parameters, "CidrBlock")
    network = ipaddress.ip_network(cidr)
    if not network.subnet_of(ipaddress.ip_network(ec2._vpcs[vpc]["CidrBlock"])):  # type: ignore[arg-type]
        return error("InvalidSubnet.Range", f"The CIDR '{cidr}' is invalid.")
    taken = [each["CidrBlock"] for each in ec2._subnets.values() if each["VpcId"] == vpc]
    if any(network.overlaps(ipaddress.ip_network(each)) for each in taken):
        return error("InvalidSubnet.Conflict", f"The CIDR '{cidr}' conflicts with another subnet")
    return None


def vpc_has_no_gateway(parameters: Parameters) -> Answer | None:
    vpc = value(parameters, "VpcId")
    held = [each for each in ec2._internet_gateways.values() if _attached(each, vpc)]
    if not held:
        return None
    return error("InvalidParameterValue", f"Network {vpc} already has an internet gateway attached")


def _attached(gateway: dict[str, Any], vpc: str) -> bool:
    return any(each["VpcId"] == vpc for each in gateway["Attachments"])


def gateway_is_attached(parameters: Parameters) -> Answer | None:
    name, vpc = value(parameters, "InternetGatewayId"), value(parameters, "VpcId")
    if _attached(ec2._internet_gateways[name], vpc):
        return None
    return error("Gateway.NotAttached", f"resource {name} is not attached to network {vpc}")


def no_mapped_address(parameters: Parameters) -> Answer | None:
    vpc = value(parameters, "VpcId")
    mapped = [each for each in live_instances() if each["VpcId"] == vpc and each["PublicIpAddress"]]
    gateways = [each for each in _live_gateways() if each["VpcId"] == vpc]
    if not mapped and not gateways:
        return None
    return error(
        "DependencyViolation",
        f"Network {vpc} has some mapped public address(es). Please unmap those public address(es)"
        " before detaching the gateway.",
    )


def _live_gateways() -> list[dict[str, Any]]:
    return [each for each in ec2._nat_gateways.values() if each["State"] != "deleted"]


def gateway_is_free(parameters: Parameters) -> Answer | None:
    name = value(parameters, "InternetGatewayId")
    attached = ec2._internet_gateways[name]["Attachments"]
    return _depends("internetGateway", name) if attached else None


def subnet_is_empty(parameters: Parameters) -> Answer | None:
    name = value(parameters, "SubnetId")
    inside = [*live_instances(), *_live_gateways()]
    return _depends("subnet", name) if any(each["SubnetId"] == name for each in inside) else None


def group_is_unused(parameters: Parameters) -> Answer | None:
    name = value(parameters, "GroupId")
    for instance in live_instances():
        if any(each["GroupId"] == name for each in instance["SecurityGroups"]):
            return error("DependencyViolation", f"resource {name} has a dependent object")
    return None


def table_is_unused(parameters: Parameters) -> Answer | None:
    name = value(parameters, "RouteTableId")
    used = ec2._route_tables[name]["Associations"]
    return _depends("routeTable", name) if used else None


def vpc_has_no_tables(parameters: Parameters) -> Answer | None:
    vpc = value(parameters, "VpcId")
    main = ec2._vpcs[vpc].get("MainRouteTableId")
    own = [
        name for name, each in ec2._route_tables.items() if each["VpcId"] == vpc and name != main
    ]
    return _depends("vpc", vpc) if own else None


def subnet_has_no_table(parameters: Parameters) -> Answer | None:
    table, subnet = value(parameters, "RouteTableId"), value(parameters, "SubnetId")
    for name, each in ec2._route_tables.items():
        if any(each.get("SubnetId") == subnet for each in each["Associations"]):
            return error(
                "Resource.AlreadyAssociated",
                f"the specified association for route table {table} conflicts with {name}",
            )
    return None


def route_is_new(parameters: Parameters) -> Answer | None:
    table, target = value(parameters, "RouteTableId"), value(parameters, "DestinationCidrBlock")
    routes = ec2._route_tables[table]["Routes"]
    if not any(each.get("DestinationCidrBlock") == target for each in routes):
        return None
    return error("RouteAlreadyExists", f"The route identified by {target} already exists.")


def address_is_free(parameters: Parameters) -> Answer | None:
    name = value(parameters, "AllocationId")
    address = ec2._addresses.get(name)
    if address is None:
        return error("InvalidAllocationID.NotFound", f"The allocation ID '{name}' does not exist")
    if address["AssociationId"] or any(each["AllocationId"] == name for each in _live_gateways()):
        return error(
            "Resource.AlreadyAssociated", f"Elastic IP address [{name}] is already associated"
        )
    return None


def rules_are_new(parameters: Parameters) -> Answer | None:
    group = ec2._security_groups.get(value(parameters, "GroupId"))
    rules = ec2._parse_ip_permissions(parameters, "IpPermissions") if group else []
    if not any(ec2._rules_match(rule, each) for rule in rules for each in group["IpPermissions"]):
        return None
    return error("InvalidPermission.Duplicate", "the specified rule already exists")


def resources_exist(parameters: Parameters) -> Answer | None:
    stores = (ec2._instances, ec2._vpcs, ec2._subnets, ec2._internet_gateways, ec2._route_tables,
              ec2._security_groups, ec2._addresses, ec2._nat_gateways, ec2._volumes,
              ec2._network_interfaces)  # fmt: skip
    for name in members(parameters, "ResourceId"):
        if not any(name in store for store in stores):
            return error("InvalidID", f"The ID '{name}' is not valid")
    return None
