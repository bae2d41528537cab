# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""Network calls that AWS refuses and ministack accepts.

The order of the checks matters: AWS looks for the named resource before what depends on it.
"""

from __future__ import annotations

from collections.abc import Callable

from ministack.services import ec2

from twin.emulator import ec2_checks as checks
from twin.emulator.ec2_api import (
    OK,
    Answer,
    Handler,
    Parameters,
    around,
    value,
)
from twin.emulator.ec2_checks import Check


def install() -> None:
    for action, listed in _CHECKS.items():
        around(action, _checked(listed))
    for action, parameter in _DELETES.items():
        around(action, _forgetting(parameter))


def _checked(listed: tuple[Check, ...]) -> Callable[[Handler, Parameters], Answer]:
    def call(original: Handler, parameters: Parameters) -> Answer:
        for check in listed:
            if refusal := check(parameters):
                return refusal
        return original(parameters)

    return call


def _forgetting(parameter: str) -> Callable[[Handler, Parameters], Answer]:
    """The tags of a deleted resource, and a subnet's place in a route table, are gone with it."""

    def call(original: Handler, parameters: Parameters) -> Answer:
        result = original(parameters)
        if result[0] == OK:
            name = value(parameters, parameter)
            ec2._tags.pop(name, None)
            for table in ec2._route_tables.values():
                kept = [each for each in table["Associations"] if each.get("SubnetId") != name]
                table["Associations"] = kept
        return result

    return call


_CHECKS: dict[str, tuple[Check, ...]] = {
    "CreateVpc": (checks.vpc_size,),
    "DeleteVpc": (checks.KNOWN_VPC, checks.vpc_has_no_tables),
    "CreateSubnet": (checks.KNOWN_VPC, checks.subnet_fits),
    "DeleteSubnet": (checks.KNOWN_SUBNET, checks.subnet_is_empty),
    "CreateSecurityGroup": (checks.KNOWN_VPC,),
    "DeleteSecurityGroup": (checks.group_is_unused,),
    "AuthorizeSecurityGroupIngress": (checks.rules_are_new,),
    "CreateRouteTable": (checks.KNOWN_VPC,),
    "DeleteRouteTable": (checks.KNOWN_TABLE, checks.table_is_unused),
    "AssociateRouteTable": (checks.KNOWN_TABLE, checks.KNOWN_SUBNET, checks.subnet_has_no_table),
    "CreateRoute": (checks.KNOWN_TABLE, checks.route_is_new),
    "AttachInternetGateway": (checks.KNOWN_GATEWAY, checks.KNOWN_VPC, checks.vpc_has_no_gateway),
    "DetachInternetGateway": (
        checks.KNOWN_GATEWAY,
        checks.gateway_is_attached,
        checks.no_mapped_address,
    ),
    "DeleteInternetGateway": (checks.KNOWN_GATEWAY, checks.gateway_is_free),
    "CreateNatGateway": (checks.KNOWN_SUBNET, checks.address_is_free),
    "CreateTags": (checks.resources_exist,),
}
_DELETES = {
    "DeleteVpc": "VpcId",
    "DeleteSubnet": "SubnetId",
    "DeleteSecurityGroup": "GroupId",
    "DeleteRouteTable": "RouteTableId",
    "DeleteInternetGateway": "InternetGatewayId",
}
