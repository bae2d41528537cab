"""What moto refuses by itself, in AWS's words: a new moto must go on doing so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

    from .conftest import Network


def refusal(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


def test_unknown_ids_have_awss_codes(ec2: Any) -> None:
    refused = [
        refusal(ec2.create_subnet, VpcId="vpc-0", CidrBlock="10.0.2.0/24"),
        refusal(ec2.create_route_table, VpcId="vpc-0"),
        refusal(ec2.create_security_group, VpcId="vpc-0", GroupName="web", Description="web"),
        refusal(ec2.describe_route_tables, RouteTableIds=["rtb-0"]),
        refusal(ec2.describe_addresses, AllocationIds=["eipalloc-0"]),
        refusal(ec2.describe_nat_gateways, NatGatewayIds=["nat-0"]),
        refusal(ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"]),
        refusal(ec2.create_tags, Resources=["vpc-0"], Tags=[{"Key": "a", "Value": "b"}]),
    ]

    assert refused == [
        "InvalidVpcID.NotFound", "InvalidVpcID.NotFound", "InvalidVpcID.NotFound",
        "InvalidRouteTableID.NotFound", "InvalidAllocationID.NotFound", "NatGatewayNotFound",
        "InvalidInstanceID.NotFound", "InvalidID",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("SubnetId", "subnet-0123456789abcdef0", "InvalidSubnetID.NotFound"),
        ("Groups", ["sg-0123456789abcdef0"], "InvalidGroup.NotFound"),
    ],
)
def test_a_launch_into_an_unknown_network_is_refused(
    ec2: Any, launch: dict[str, Any], option: str, value: Any, code: str
) -> None:
    [interface] = launch["NetworkInterfaces"]

    refused = refusal(
        ec2.run_instances, **launch | {"NetworkInterfaces": [interface | {option: value}]}
    )

    assert refused == code


def test_a_dry_run_is_answered_and_launches_nothing(ec2: Any, launch: dict[str, Any]) -> None:
    refused = refusal(ec2.run_instances, **launch, DryRun=True)

    assert refused == "DryRunOperation"
    assert ec2.describe_instances()["Reservations"] == []


def test_ranges_that_conflict_are_refused(ec2: Any, network: Network) -> None:
    refused = [
        refusal(ec2.create_vpc, CidrBlock="10.0.0.0/8"),
        refusal(ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.0.0.128/25"),
        refusal(ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.2.0.0/24"),
    ]

    assert refused == ["InvalidVpc.Range", "InvalidSubnet.Conflict", "InvalidSubnet.Range"]


def test_what_is_there_already_is_refused(ec2: Any, network: Network) -> None:
    rule = [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ]
    ec2.authorize_security_group_ingress(GroupId=network.security_group, IpPermissions=rule)
    table, other = (
        ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"] for _ in range(2)
    )
    ec2.associate_route_table(RouteTableId=table, SubnetId=network.subnet)
    out = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": network.internet_gateway}
    ec2.create_route(RouteTableId=table, **out)
    second = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]

    refused = [
        refusal(
            ec2.authorize_security_group_ingress,
            GroupId=network.security_group,
            IpPermissions=rule,
        ),
        refusal(ec2.create_route, RouteTableId=table, **out),
        refusal(ec2.associate_route_table, RouteTableId=other, SubnetId=network.subnet),
        refusal(ec2.attach_internet_gateway, InternetGatewayId=second, VpcId=network.vpc),
        refusal(ec2.detach_internet_gateway, InternetGatewayId=second, VpcId=network.vpc),
    ]

    assert refused == [
        "InvalidPermission.Duplicate", "RouteAlreadyExists", "Resource.AlreadyAssociated",
        "InvalidParameterValue", "Gateway.NotAttached",
    ]  # fmt: skip


def test_what_holds_something_cannot_go(ec2: Any, network: Network) -> None:
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=network.subnet)

    refused = [
        refusal(ec2.delete_internet_gateway, InternetGatewayId=network.internet_gateway),
        refusal(ec2.delete_route_table, RouteTableId=table),
        refusal(ec2.delete_vpc, VpcId=network.vpc),
    ]

    assert refused == ["DependencyViolation"] * 3


@pytest.mark.usefixtures("instance", "address", "nat_gateway")
@pytest.mark.parametrize(
    "kind",
    ["addresses", "instances", "internet_gateways", "nat_gateways", "route_tables",
     "security_groups", "subnets", "volumes", "vpcs"],
)  # fmt: skip
def test_a_filter_that_is_not_there_fails_aloud(ec2: Any, kind: str) -> None:
    parameter = "Filter" if kind == "nat_gateways" else "Filters"
    wrong = {parameter: [{"Name": "nonsense", "Values": ["x"]}]}

    with pytest.raises((NotImplementedError, KeyError, ClientError)):
        getattr(ec2, f"describe_{kind}")(**wrong)


def test_an_instance_type_knows_its_gpus_and_its_zones(ec2: Any) -> None:
    [kind] = ec2.describe_instance_types(InstanceTypes=["g6.xlarge"])["InstanceTypes"]
    offered = ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": ["g6.xlarge"]}],
    )["InstanceTypeOfferings"]

    assert kind["GpuInfo"]["Gpus"][0]["Count"] == 1
    assert kind["VCpuInfo"]["DefaultVCpus"] == 4
    assert {each["Location"] for each in offered} < {f"us-east-1{zone}" for zone in "abcdef"}
    assert refusal(ec2.describe_instance_types, InstanceTypes=["zz9.huge"]) == "InvalidInstanceType"


def test_a_push_needs_its_repository(account: Account) -> None:
    manifest = '{"schemaVersion": 2, "config": {"digest": "sha256:0", "size": 1}, "layers": []}'

    refused = refusal(
        account.client("ecr").put_image, repositoryName="none", imageTag="a", imageManifest=manifest
    )

    assert refused == "RepositoryNotFoundException"
