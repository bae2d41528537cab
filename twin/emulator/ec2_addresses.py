# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""Elastic IPs: filters, the instance's public address, and the refusals of AWS."""

from __future__ import annotations

from typing import Any

from ministack.services import ec2

from twin.emulator.ec2_api import (
    LIVE,
    Answer,
    Handler,
    Parameters,
    answer,
    around,
    error,
    filters,
    members,
    value,
)

_FIELDS = {
    "allocation-id": "AllocationId", "association-id": "AssociationId", "domain": "Domain",
    "instance-id": "InstanceId", "public-ip": "PublicIp",
}  # fmt: skip


def install() -> None:
    around("DescribeAddresses", _describe)
    around("AssociateAddress", _associate)
    around("DisassociateAddress", _disassociate)
    around("ReleaseAddress", _release)


def _describe(_: Handler, parameters: Parameters) -> Answer:
    for asked in members(parameters, "AllocationId"):
        if asked not in ec2._addresses:
            return _unknown(asked)
    wanted = members(parameters, "AllocationId") or list(ec2._addresses)
    found = [
        _address_xml(each)
        for name, each in ec2._addresses.items()
        if name in wanted and _matches(each, filters(parameters))
    ]
    return answer("DescribeAddresses", f"<addressesSet>{''.join(found)}</addressesSet>")


def _matches(address: dict[str, Any], wanted: dict[str, list[str]]) -> bool:
    if not ec2._resource_matches_tag_filters(address["AllocationId"], wanted):
        return False
    plain = {name: each for name, each in wanted.items() if not name.startswith("tag")}
    return all(address[_FIELDS[name]] in accepted for name, accepted in plain.items())


def _address_xml(address: dict[str, Any]) -> str:
    instance = ec2._instances.get(address["InstanceId"], {})
    fields = {
        "allocationId": address["AllocationId"], "publicIp": address["PublicIp"],
        "domain": address["Domain"], "associationId": address["AssociationId"],
        "instanceId": address["InstanceId"],
        "privateIpAddress": instance.get("PrivateIpAddress"),
    }  # fmt: skip
    body = "".join(f"<{name}>{each}</{name}>" for name, each in fields.items() if each)
    return f"<item>{body}{ec2._tag_set_xml(address['AllocationId'])}</item>"


def _unknown(allocation: str) -> Answer:
    return error("InvalidAllocationID.NotFound", f"The allocation ID '{allocation}' does not exist")


def _associate(original: Handler, parameters: Parameters) -> Answer:
    allocation, name = value(parameters, "AllocationId"), value(parameters, "InstanceId")
    address, instance = ec2._addresses.get(allocation), ec2._instances.get(name)
    if address is None:
        return _unknown(allocation)
    if instance is None:
        return error("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
    if instance["State"]["Name"] not in LIVE:
        return error(
            "InvalidInstanceID",
            f"The instance '{name}' is not in a valid state for this operation.",
        )
    keep = value(parameters, "AllowReassociation").lower() == "false"
    if keep and address["InstanceId"] not in {None, name}:
        return error("Resource.AlreadyAssociated", f"resource {allocation} is already associated")
    return _moved(original, parameters, address, instance)


def _moved(
    original: Handler, parameters: Parameters, address: dict[str, Any], instance: dict[str, Any]
) -> Answer:
    """The address leaves its old instance, and the new one loses its own address."""
    _leave(address)
    for other in ec2._addresses.values():
        if other["InstanceId"] == instance["InstanceId"]:
            _leave(other)
    result = original(parameters)
    instance["PublicIpAddress"] = address["PublicIp"]
    return result


def _leave(address: dict[str, Any]) -> None:
    if held := ec2._instances.get(address["InstanceId"]):
        held["PublicIpAddress"] = held["PublicDnsName"] = ""
    address.update(InstanceId=None, AssociationId=None)


def _disassociate(_: Handler, parameters: Parameters) -> Answer:
    association = value(parameters, "AssociationId")
    for address in ec2._addresses.values():
        if address["AssociationId"] == association:
            _leave(address)
            return answer("DisassociateAddress", "<return>true</return>")
    return error(
        "InvalidAssociationID.NotFound", f"The association ID '{association}' does not exist"
    )


def _release(original: Handler, parameters: Parameters) -> Answer:
    allocation = value(parameters, "AllocationId")
    address = ec2._addresses.get(allocation)
    gateways = [
        each for each in ec2._nat_gateways.values()
        if each["AllocationId"] == allocation and each["State"] != "deleted"
    ]  # fmt: skip
    if address is None or not (gateways or address["AssociationId"]):
        return original(parameters)
    return error("InvalidIPAddress.InUse", f"Address {address['PublicIp']} is in use.")
