"""EC2 as on AWS: what is kept, what is refused, tokens, addresses, events."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import eventually

pytestmark = pytest.mark.twin


@dataclass(frozen=True, slots=True)
class Network:
    vpc: str
    subnet: str
    group: str
    gateway: str


@pytest.fixture(scope="module")
def ec2(account: Any) -> Any:
    return account.client("ec2")


@pytest.fixture
def network(ec2: Any) -> Iterator[Network]:
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24", AvailabilityZone="us-east-1b")[
        "Subnet"
    ]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="web", Description="web")["GroupId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    yield Network(vpc, subnet, group, gateway)
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    for held in ec2.describe_instances(Filters=here)["Reservations"]:
        ec2.terminate_instances(InstanceIds=[each["InstanceId"] for each in held["Instances"]])


def launch(account: Any, network: Network, **options: Any) -> dict[str, Any]:
    image = account.client("ssm").get_parameter(
        Name="/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    )["Parameter"]["Value"]
    wanted = {
        "ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
        "SubnetId": network.subnet, "SecurityGroupIds": [network.group],
    } | options  # fmt: skip
    launched: dict[str, Any] = account.client("ec2").run_instances(**wanted)["Instances"][0]
    return launched


def refusal(call: Any, **options: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**options)
    return str(refused.value.response["Error"]["Code"])


def test_an_instance_keeps_what_it_was_launched_with(
    account: Any, ec2: Any, network: Network
) -> None:
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": "k", "Value": kind}]}
        for kind in ("instance", "volume")
    ]
    made = launch(
        account, network, UserData="#!/bin/bash\necho hi\n", TagSpecifications=tags,
        IamInstanceProfile={"Name": account.outputs["Profile"]}, ClientToken="kept",
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 77, "Encrypted": True}}
        ],
    )["InstanceId"]  # fmt: skip

    seen = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    data = ec2.describe_instance_attribute(InstanceId=made, Attribute="userData")["UserData"][
        "Value"
    ]
    volume = ec2.describe_volumes(VolumeIds=[seen["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]])[
        "Volumes"
    ][0]

    assert base64.b64decode(data) == b"#!/bin/bash\necho hi\n"
    assert seen["Tags"] == [{"Key": "k", "Value": "instance"}]
    assert seen["MetadataOptions"]["HttpTokens"] == "required"
    assert seen["ClientToken"] == "kept"
    assert seen["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert seen["PrivateIpAddress"].startswith("10.1.1.")
    assert seen["IamInstanceProfile"]["Arn"].endswith(account.outputs["Profile"])
    assert (volume["Size"], volume["Encrypted"], volume["Tags"][0]["Value"]) == (77, True, "volume")


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("SubnetId", "subnet-0123456789abcdef0", "InvalidSubnetID.NotFound"),
        ("SecurityGroupIds", ["sg-0123456789abcdef0"], "InvalidGroup.NotFound"),
        ("ImageId", "ami-0fffffffffffffff0", "InvalidAMIID.NotFound"),
        ("InstanceType", "zz9.huge", "InvalidParameterValue"),
        ("IamInstanceProfile", {"Name": "nobody"}, "InvalidParameterValue"),
        ("DryRun", True, "DryRunOperation"),
    ],
)
def test_a_launch_with_something_unknown_is_refused(
    account: Any, network: Network, option: str, value: Any, code: str
) -> None:
    refused = refusal(lambda **wanted: launch(account, network, **wanted), **{option: value})

    assert refused == code


def test_a_client_token_launches_once_and_not_after_termination(
    account: Any, ec2: Any, network: Network
) -> None:
    token = uuid.uuid4().hex
    first = launch(account, network, ClientToken=token)["InstanceId"]

    again = launch(account, network, ClientToken=token)["InstanceId"]
    other = refusal(lambda: launch(account, network, ClientToken=token, InstanceType="t3.small"))
    ec2.terminate_instances(InstanceIds=[first])
    late = refusal(lambda: launch(account, network, ClientToken=token))

    assert again == first
    assert (other, late) == ("IdempotentParameterMismatch", "IdempotentInstanceTerminated")


def test_unknown_ids_have_awss_codes(ec2: Any, network: Network) -> None:
    refused = [
        refusal(ec2.create_subnet, VpcId="vpc-0", CidrBlock="10.1.2.0/24"),
        refusal(ec2.create_route_table, VpcId="vpc-0"),
        refusal(ec2.describe_route_tables, RouteTableIds=["rtb-0"]),
        refusal(ec2.describe_addresses, AllocationIds=["eipalloc-0"]),
        refusal(ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"]),
        refusal(ec2.create_tags, Resources=["vpc-0"], Tags=[{"Key": "a", "Value": "b"}]),
    ]

    assert refused == [
        "InvalidVpcID.NotFound", "InvalidVpcID.NotFound", "InvalidRouteTableID.NotFound",
        "InvalidAllocationID.NotFound", "InvalidInstanceID.NotFound", "InvalidID",
    ]  # fmt: skip


def test_conflicts_have_awss_codes(ec2: Any, network: Network) -> None:
    rule = [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ]
    ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=rule)

    refused = [
        refusal(ec2.create_vpc, CidrBlock="10.0.0.0/8"),
        refusal(ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.1.1.128/25"),
        refusal(ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.2.0.0/24"),
        refusal(ec2.authorize_security_group_ingress, GroupId=network.group, IpPermissions=rule),
    ]

    assert refused == ["InvalidVpc.Range", "InvalidSubnet.Conflict", "InvalidSubnet.Range",
                       "InvalidPermission.Duplicate"]  # fmt: skip


def test_what_a_live_instance_uses_cannot_go(account: Any, ec2: Any, network: Network) -> None:
    instance = launch(account, network)["InstanceId"]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(InstanceId=instance, AllocationId=address["AllocationId"])

    refused = [
        refusal(ec2.delete_subnet, SubnetId=network.subnet),
        refusal(ec2.delete_security_group, GroupId=network.group),
        refusal(ec2.delete_internet_gateway, InternetGatewayId=network.gateway),
        refusal(ec2.detach_internet_gateway, InternetGatewayId=network.gateway, VpcId=network.vpc),
        refusal(ec2.release_address, AllocationId=address["AllocationId"]),
    ]

    assert refused == [*["DependencyViolation"] * 4, "InvalidIPAddress.InUse"]


def test_everything_goes_in_order_after_termination(
    account: Any, ec2: Any, network: Network
) -> None:
    instance = launch(account, network)["InstanceId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(InstanceId=instance, AllocationId=address)
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=network.subnet)
    ec2.terminate_instances(InstanceIds=[instance])

    ec2.release_address(AllocationId=address)
    ec2.detach_internet_gateway(InternetGatewayId=network.gateway, VpcId=network.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=network.gateway)
    ec2.delete_security_group(GroupId=network.group)
    ec2.delete_subnet(SubnetId=network.subnet)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_vpc(VpcId=network.vpc)

    volumes = ec2.describe_volumes()["Volumes"]
    assert not any(
        each["InstanceId"] == instance for volume in volumes for each in volume["Attachments"]
    )


def test_an_address_moves_and_is_found_by_its_tag(account: Any, ec2: Any, network: Network) -> None:
    old, new = (launch(account, network)["InstanceId"] for _ in range(2))
    owner = uuid.uuid4().hex
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "owner", "Value": owner}]}]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags)
    ec2.associate_address(InstanceId=old, AllocationId=address["AllocationId"])

    ec2.associate_address(InstanceId=new, AllocationId=address["AllocationId"])

    [found] = ec2.describe_addresses(Filters=[{"Name": "tag:owner", "Values": [owner]}])[
        "Addresses"
    ]
    by_id = ec2.describe_instances(InstanceIds=[old, new])["Reservations"]
    public = {
        i["InstanceId"]: i.get("PublicIpAddress") for held in by_id for i in held["Instances"]
    }
    assert found["InstanceId"] == new
    assert public == {old: None, new: address["PublicIp"]}


def test_a_filter_that_is_not_there_fails_aloud(ec2: Any) -> None:
    code = refusal(ec2.describe_vpcs, Filters=[{"Name": "dhcp-options-id", "Values": ["x"]}])

    assert code == "InvalidParameterValue"


def test_instance_types_know_their_gpus_and_their_zones(ec2: Any) -> None:
    [kind] = ec2.describe_instance_types(InstanceTypes=["g6.xlarge"])["InstanceTypes"]
    offered = ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": ["g6.xlarge"]}],
    )["InstanceTypeOfferings"]
    unknown = refusal(ec2.describe_instance_types, InstanceTypes=["zz9.huge"])

    assert kind["GpuInfo"]["Gpus"][0]["Count"] == 1
    assert kind["VCpuInfo"]["DefaultVCpus"] == 4
    assert [each["Location"] for each in offered] == ["us-east-1a", "us-east-1b"]
    assert unknown == "InvalidInstanceType"


def test_every_state_of_an_instance_is_an_event(account: Any, ec2: Any, network: Network) -> None:
    instance = launch(account, network)["InstanceId"]
    ec2.stop_instances(InstanceIds=[instance])
    ec2.start_instances(InstanceIds=[instance])
    ec2.terminate_instances(InstanceIds=[instance])

    ledger = account.client("dynamodb")
    rows = eventually(
        lambda: [
            each for each in ledger.scan(TableName=account.outputs["Table"])["Items"]
            if each["pk"]["S"].startswith(f"{instance} ")
        ],
        lambda found: len(found) == 6,
        10,
    )  # fmt: skip

    event = next(json.loads(each["event"]["S"]) for each in rows if "terminated" in each["pk"]["S"])
    assert event["source"] == "aws.ec2"
    assert event["detail-type"] == "EC2 Instance State-change Notification"
    assert event["detail"] == {"instance-id": instance, "state": "terminated"}
    assert event["resources"] == [f"arn:aws:ec2:us-east-1:000000000000:instance/{instance}"]
    assert event["account"] == "000000000000"
    assert event["id"]
