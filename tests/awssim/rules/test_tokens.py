from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

    from .conftest import Network


def test_the_same_token_launches_one_instance(ec2: Any, launch: dict[str, Any]) -> None:
    first = ec2.run_instances(**launch, ClientToken="one")["Instances"][0]

    second = ec2.run_instances(**launch, ClientToken="one")["Instances"][0]

    assert second["InstanceId"] == first["InstanceId"]
    assert len(ec2.describe_instances()["Reservations"]) == 1


def test_a_replayed_launch_shows_what_became_of_the_instance(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    launched = ec2.run_instances(**launch, ClientToken="one")["Instances"][0]["InstanceId"]
    account.clock.advance(30)

    replayed = ec2.run_instances(**launch, ClientToken="one")["Instances"][0]

    assert replayed["InstanceId"] == launched
    assert replayed["State"]["Name"] == "running"


def test_the_token_of_a_terminated_instance_launches_nothing(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    launched = ec2.run_instances(**launch, ClientToken="one")["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[launched])
    account.clock.advance(60)

    with pytest.raises(ClientError, match="IdempotentInstanceTerminated"):
        ec2.run_instances(**launch, ClientToken="one")


def test_a_token_used_with_other_parameters_is_refused(ec2: Any, launch: dict[str, Any]) -> None:
    ec2.run_instances(**launch, ClientToken="one")

    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        ec2.run_instances(**launch | {"InstanceType": "g6.xlarge"}, ClientToken="one")


def test_a_refused_launch_does_not_use_up_its_token(ec2: Any, launch: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        ec2.run_instances(**launch | {"InstanceType": "zz9.huge"}, ClientToken="one")

    launched = ec2.run_instances(**launch, ClientToken="one")["Instances"]

    assert len(launched) == 1


def test_the_same_token_creates_one_nat_gateway(ec2: Any, network: Network, address: str) -> None:
    wanted = {"SubnetId": network.subnet, "AllocationId": address, "ClientToken": "one"}
    first = ec2.create_nat_gateway(**wanted)["NatGateway"]

    second = ec2.create_nat_gateway(**wanted)["NatGateway"]

    assert second["NatGatewayId"] == first["NatGatewayId"]


def test_the_same_token_creates_one_route_table(ec2: Any, network: Network) -> None:
    first = ec2.create_route_table(VpcId=network.vpc, ClientToken="one")["RouteTable"]

    second = ec2.create_route_table(VpcId=network.vpc, ClientToken="one")["RouteTable"]

    assert second["RouteTableId"] == first["RouteTableId"]


def test_different_tokens_create_two_route_tables(ec2: Any, network: Network) -> None:
    first = ec2.create_route_table(VpcId=network.vpc, ClientToken="one")["RouteTable"]

    second = ec2.create_route_table(VpcId=network.vpc, ClientToken="two")["RouteTable"]

    assert second["RouteTableId"] != first["RouteTableId"]


def test_a_token_longer_than_64_characters_is_refused(ec2: Any, network: Network) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        ec2.create_route_table(VpcId=network.vpc, ClientToken="x" * 65)
