# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""Describe calls: filters and ids. ministack ignores a filter it does not know and answers with
everything; here such a call fails aloud.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import ec2

from twin.emulator.ec2_api import (
    Answer,
    Handler,
    Parameters,
    around,
    error,
    filters,
    members,
)
from twin.emulator.pinned import require

# Beyond tag:<key>, tag-key and tag-value.
_SUPPORTED = {
    "DescribeVpcs": {"vpc-id", "cidr", "state", "owner-id", "is-default"},
    "DescribeSubnets": {"vpc-id", "availability-zone", "subnet-id", "cidr-block", "default-for-az"},
    "DescribeInternetGateways": {"internet-gateway-id", "owner-id", "attachment.vpc-id",
                                 "attachment.state"},
    "DescribeRouteTables": {"association.route-table-association-id", "association.subnet-id",
                            "association.main", "vpc-id"},
    "DescribeSecurityGroups": {"vpc-id", "group-name"},
    "DescribeNatGateways": {"state", "vpc-id", "subnet-id"},
    "DescribeAddresses": {"allocation-id", "association-id", "domain", "instance-id", "public-ip"},
    "DescribeInstances": {"instance-state-name", "instance-type", "image-id", "client-token",
                          "subnet-id", "vpc-id", "instance-id", "ip-address",
                          "private-ip-address", "availability-zone", "instance-lifecycle"},
}  # fmt: skip
_UNKNOWN_IDS = {
    "DescribeRouteTables": ("RouteTableId", ec2._route_tables, "InvalidRouteTableID.NotFound"),
    "DescribeNatGateways": ("NatGatewayId", ec2._nat_gateways, "NatGatewayNotFound"),
}
_INSTANCE_FIELDS = {
    "client-token": "ClientToken", "subnet-id": "SubnetId", "vpc-id": "VpcId",
    "instance-id": "InstanceId", "ip-address": "PublicIpAddress",
    "private-ip-address": "PrivateIpAddress", "instance-lifecycle": "InstanceLifecycle",
}  # fmt: skip


def install() -> None:
    for action, names in _SUPPORTED.items():
        around(action, _refusing_others(names))
    for action, (parameter, store, code) in _UNKNOWN_IDS.items():
        around(action, _refusing_unknown(parameter, store, code))
    require(holds=callable(ec2._matches_filters), fix="DescribeInstances filters")
    original = ec2._matches_filters
    ec2._matches_filters = lambda instance, wanted: (
        original(instance, wanted) and _instance_matches(instance, wanted)
    )


def _refusing_others(names: set[str]) -> Callable[[Handler, Parameters], Answer]:
    def call(original: Handler, parameters: Parameters) -> Answer:
        for name in filters(parameters):
            if name not in names and not name.startswith("tag"):
                return error("InvalidParameterValue", f"The local AWS has no filter '{name}' here")
        return original(parameters)

    return call


def _refusing_unknown(
    parameter: str, store: Any, code: str
) -> Callable[[Handler, Parameters], Answer]:
    def call(original: Handler, parameters: Parameters) -> Answer:
        for name in members(parameters, parameter):
            if name not in store:
                return error(code, f"The ID '{name}' does not exist")
        return original(parameters)

    return call


def _instance_matches(instance: dict[str, Any], wanted: dict[str, list[str]]) -> bool:
    zones = wanted.get("availability-zone")
    if zones and instance["Placement"]["AvailabilityZone"] not in zones:
        return False
    fields = {name: each for name, each in wanted.items() if name in _INSTANCE_FIELDS}
    return all(instance.get(_INSTANCE_FIELDS[name]) in each for name, each in fields.items())
