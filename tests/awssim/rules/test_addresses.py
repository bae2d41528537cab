from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account


def _association(ec2: Any, address: str) -> str | None:
    described = ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    association: str | None = described.get("AssociationId")
    return association


def test_an_address_needs_a_running_instance(
    account: Account, ec2: Any, launch: dict[str, Any], address: str
) -> None:
    launched = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]

    with pytest.raises(ClientError, match=r"InvalidInstanceID.*pending"):
        ec2.associate_address(AllocationId=address, InstanceId=launched)
    account.clock.advance(30)
    ec2.associate_address(AllocationId=address, InstanceId=launched)

    assert _association(ec2, address)


def test_an_address_in_use_moves_only_when_allowed_to(
    account: Account, ec2: Any, launch: dict[str, Any], instance: str, address: str
) -> None:
    other = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    account.clock.advance(30)
    ec2.associate_address(AllocationId=address, InstanceId=instance)

    with pytest.raises(ClientError, match=r"Resource\.AlreadyAssociated"):
        ec2.associate_address(AllocationId=address, InstanceId=other)

    moved = ec2.associate_address(AllocationId=address, InstanceId=other, AllowReassociation=True)
    assert moved["AssociationId"]


@pytest.mark.usefixtures("nat_gateway")
def test_a_nat_gateways_address_cannot_be_given_to_an_instance(
    ec2: Any, instance: str, address: str
) -> None:
    with pytest.raises(ClientError, match=r"Resource\.AlreadyAssociated"):
        ec2.associate_address(AllocationId=address, InstanceId=instance)


def test_an_associated_address_cannot_be_released(ec2: Any, instance: str, address: str) -> None:
    ec2.associate_address(AllocationId=address, InstanceId=instance)

    with pytest.raises(ClientError, match=r"InvalidIPAddress\.InUse"):
        ec2.release_address(AllocationId=address)


def test_a_nat_gateway_keeps_its_address_until_it_is_deleted(
    account: Account, ec2: Any, nat_gateway: str, address: str
) -> None:
    ec2.delete_nat_gateway(NatGatewayId=nat_gateway)

    with pytest.raises(ClientError, match=r"InvalidIPAddress\.InUse"):
        ec2.release_address(AllocationId=address)
    account.clock.advance(60)
    ec2.release_address(AllocationId=address)

    assert account.inventory()["addresses"] == []


def test_a_terminated_instance_lets_go_of_its_address(
    account: Account, ec2: Any, instance: str, address: str
) -> None:
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    ec2.terminate_instances(InstanceIds=[instance])

    account.clock.advance(60)

    assert _association(ec2, address) is None


def test_an_instance_is_reached_by_the_address_that_it_holds(
    account: Account, ec2: Any, launch: dict[str, Any], instance: str, address: str
) -> None:
    other = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    account.clock.advance(30)
    ec2.associate_address(AllocationId=address, InstanceId=instance)

    ec2.associate_address(AllocationId=address, InstanceId=other, AllowReassociation=True)

    held = ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    reservations = ec2.describe_instances(InstanceIds=[instance, other])["Reservations"]
    public = {
        i["InstanceId"]: i.get("PublicIpAddress")
        for held in reservations
        for i in held["Instances"]
    }
    assert held["InstanceId"] == other
    assert public[other] == held["PublicIp"] != public[instance]


def test_a_stopped_instance_has_no_public_address_unless_it_holds_one(
    account: Account, ec2: Any, launch: dict[str, Any], instance: str, address: str
) -> None:
    other = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    account.clock.advance(30)
    ec2.associate_address(AllocationId=address, InstanceId=instance)

    ec2.stop_instances(InstanceIds=[instance, other])
    account.clock.advance(30)

    reservations = ec2.describe_instances(InstanceIds=[instance, other])["Reservations"]
    public = {
        i["InstanceId"]: i.get("PublicIpAddress")
        for held in reservations
        for i in held["Instances"]
    }
    assert public[instance]
    assert public[other] is None


def test_an_address_is_found_by_its_tag(ec2: Any) -> None:
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "owner", "Value": "us"}]}]
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=tags)["AllocationId"]
    ec2.allocate_address(Domain="vpc")

    found = ec2.describe_addresses(Filters=[{"Name": "tag:owner", "Values": ["us"]}])["Addresses"]

    assert [each["AllocationId"] for each in found] == [made]
