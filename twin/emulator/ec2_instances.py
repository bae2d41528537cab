# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""RunInstances refuses what AWS refuses and keeps what it was given; describe calls return it."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

from ministack.services import ec2

from twin.emulator import ec2_types
from twin.emulator.ec2_api import (
    OK,
    Answer,
    Handler,
    Parameters,
    answer,
    around,
    error,
    members,
    value,
)
from twin.emulator.pinned import require

_INTERFACE = "NetworkInterface.1."


def install() -> None:
    """RunInstances, DescribeInstanceAttribute, the XML of an instance, and what ends with it."""
    around("RunInstances", _run)
    around("DescribeInstanceAttribute", _attribute)
    around("TerminateInstances", _terminate)
    around("StopInstances", _stop)
    original = ec2._instance_xml
    require(holds=callable(original), fix="instance XML")
    ec2._instance_xml = lambda instance: _with_options(original(instance), instance)


def _run(original: Handler, parameters: Parameters) -> Answer:
    parameters = _with_interface(parameters)
    if refusal := _refusal(parameters):
        return refusal
    if value(parameters, "DryRun").lower() == "true":
        return error("DryRunOperation", "Request would have succeeded, but DryRun is set.", 412)
    before = set(ec2._instances)
    result = original(parameters)
    created = [ec2._instances[each] for each in set(ec2._instances) - before]
    for instance in created:
        _complete(instance, parameters)
    if result[0] != OK or not created:
        return result
    items = "".join(ec2._instance_xml(each) for each in created)
    return answer(
        "RunInstances",
        f"<instancesSet>{items}</instancesSet><reservationId>r-{created[0]['InstanceId'][2:]}"
        "</reservationId><groupSet/>",
    )


def _with_interface(parameters: Parameters) -> Parameters:
    """The subnet and groups of the first NetworkInterfaces entry, as top-level parameters."""
    lifted = dict(parameters)
    if subnet := value(parameters, f"{_INTERFACE}SubnetId"):
        lifted["SubnetId"] = [subnet]
    for number, group in enumerate(members(parameters, f"{_INTERFACE}SecurityGroupId"), 1):
        lifted[f"SecurityGroupId.{number}"] = [group]
    return lifted


def _refusal(parameters: Parameters) -> Answer | None:
    """AWS's answer to an unknown subnet, group, image, type or instance profile."""
    subnet, image = value(parameters, "SubnetId"), value(parameters, "ImageId")
    kind = value(parameters, "InstanceType")
    if subnet and subnet not in ec2._subnets:
        return error("InvalidSubnetID.NotFound", f"The subnet ID '{subnet}' does not exist")
    for group in members(parameters, "SecurityGroupId"):
        if group not in ec2._security_groups:
            return error("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    if image not in ec2._images and image not in {each[0] for each in ec2._STUB_AMIS}:
        return error("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")
    if kind not in ec2_types.TYPES:
        return error("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    _, refusal = ec2._resolve_iam_instance_profile(
        iam_arn=value(parameters, "IamInstanceProfile.Arn"),
        iam_name=value(parameters, "IamInstanceProfile.Name"),
    )
    return refusal if refusal is None else (refusal[0], refusal[1], refusal[2])


def _complete(instance: dict[str, Any], parameters: Parameters) -> None:
    """What ministack drops: zone, addresses, metadata options, token, market, root volume."""
    subnet = ec2._subnets.get(instance["SubnetId"], {})
    zone = subnet.get("AvailabilityZone", instance["Placement"]["AvailabilityZone"])
    instance["Placement"]["AvailabilityZone"] = zone
    if not value(parameters, "PrivateIpAddress"):
        instance["PrivateIpAddress"] = _address_in(subnet.get("CidrBlock", "10.0.0.0/24"))
    public = value(parameters, f"{_INTERFACE}AssociatePublicIpAddress")
    if (public or str(subnet.get("MapPublicIpOnLaunch", False))).lower() != "true":
        instance["PublicIpAddress"] = instance["PublicDnsName"] = ""
    instance["MetadataOptions"] = {
        "HttpTokens": value(parameters, "MetadataOptions.HttpTokens") or "optional",
        "HttpPutResponseHopLimit": value(parameters, "MetadataOptions.HttpPutResponseHopLimit")
        or "1",
    }
    instance["ClientToken"] = value(parameters, "ClientToken")
    market = value(parameters, "InstanceMarketOptions.MarketType")
    instance["InstanceLifecycle"] = market if market == "spot" else ""
    _complete_volume(instance, zone, parameters)


def _address_in(cidr: str) -> str:
    """A free-looking host address; AWS keeps the first four and the last one of every subnet."""
    network = ipaddress.ip_network(cidr)
    return str(network[random.randint(4, network.num_addresses - 2)])  # noqa: S311 - no secret


def _complete_volume(instance: dict[str, Any], zone: str, parameters: Parameters) -> None:
    volume = ec2._volumes[instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]]
    root = "BlockDeviceMapping.1.Ebs."
    volume["AvailabilityZone"] = zone
    volume["Size"] = int(value(parameters, f"{root}VolumeSize") or volume["Size"])
    volume["Encrypted"] = value(parameters, f"{root}Encrypted").lower() == "true"
    volume["VolumeType"] = value(parameters, f"{root}VolumeType") or volume["VolumeType"]
    ec2._parse_tag_specs(parameters, "volume", volume["VolumeId"])


def _with_options(xml: str, instance: dict[str, Any]) -> str:
    xml = xml.replace("<ipAddress></ipAddress>", "").replace("<dnsName></dnsName>", "")
    options = instance.get("MetadataOptions", {})
    extra = f"""<metadataOptions><state>applied</state><httpEndpoint>enabled</httpEndpoint>
        <httpTokens>{options.get("HttpTokens", "optional")}</httpTokens><httpPutResponseHopLimit>
        {options.get("HttpPutResponseHopLimit", "1")}</httpPutResponseHopLimit></metadataOptions>
        <clientToken>{instance.get("ClientToken", "")}</clientToken>"""
    if instance.get("InstanceLifecycle"):
        extra += f"<instanceLifecycle>{instance['InstanceLifecycle']}</instanceLifecycle>"
    return xml.replace("<amiLaunchIndex>", f"{extra}<amiLaunchIndex>")


def _attribute(original: Handler, parameters: Parameters) -> Answer:
    instance = ec2._instances.get(value(parameters, "InstanceId"))
    if instance is None or value(parameters, "Attribute") != "userData":
        return original(parameters)
    return answer(
        "DescribeInstanceAttribute",
        f"<instanceId>{instance['InstanceId']}</instanceId>"
        f"<userData><value>{instance.get('UserData', '')}</value></userData>",
    )


def _terminate(original: Handler, parameters: Parameters) -> Answer:
    """The root volume goes with the instance, and an Elastic IP becomes free."""
    result = original(parameters)
    for name in members(parameters, "InstanceId") if result[0] == OK else []:
        instance = ec2._instances[name]
        for mapping in instance["BlockDeviceMappings"]:
            ec2._volumes.pop(mapping["Ebs"]["VolumeId"], None)
            ec2._tags.pop(mapping["Ebs"]["VolumeId"], None)
        instance["PublicIpAddress"] = instance["PublicDnsName"] = ""
        for address in ec2._addresses.values():
            if address["InstanceId"] == name:
                address.update(InstanceId=None, AssociationId=None)
    return result


def _stop(original: Handler, parameters: Parameters) -> Answer:
    """A public address that is not an Elastic IP is lost."""
    result = original(parameters)
    held = {each["InstanceId"] for each in ec2._addresses.values()}
    for name in members(parameters, "InstanceId") if result[0] == OK else []:
        if name not in held:
            ec2._instances[name].update(PublicIpAddress="", PublicDnsName="")
    return result
