from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

    from .conftest import Network


def _state(ec2: Any, gateway: str) -> str:
    described = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]
    state: str = described["State"]
    return state


def test_a_nat_gateway_is_pending_before_it_is_available(
    account: Account, ec2: Any, nat_gateway: str
) -> None:
    at_once = _state(ec2, nat_gateway)

    account.clock.advance(90)

    assert at_once == "pending"
    assert _state(ec2, nat_gateway) == "available"


def test_a_deleted_nat_gateway_was_deleting(account: Account, ec2: Any, nat_gateway: str) -> None:
    ec2.delete_nat_gateway(NatGatewayId=nat_gateway)
    at_once = _state(ec2, nat_gateway)

    account.clock.advance(60)

    assert at_once == "deleting"
    assert _state(ec2, nat_gateway) == "deleted"
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_a_route_to_a_pending_nat_gateway_is_refused(
    account: Account, ec2: Any, network: Network, nat_gateway: str
) -> None:
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}

    with pytest.raises(ClientError, match=r"InvalidNatGatewayID\.NotFound"):
        ec2.create_route(**route, NatGatewayId=nat_gateway)
    account.clock.advance(90)

    assert ec2.create_route(**route, NatGatewayId=nat_gateway)["Return"]


def test_nat_gateways_are_filtered_by_state_and_by_tag(ec2: Any, nat_gateway: str) -> None:
    ec2.create_tags(Resources=[nat_gateway], Tags=[{"Key": "owner", "Value": "us"}])

    def found(name: str, value: str) -> int:
        condition = {"Name": name, "Values": [value]}
        return len(ec2.describe_nat_gateways(Filter=[condition])["NatGateways"])

    assert found("state", "pending") == 1
    assert found("state", "available") == 0
    assert found("tag:owner", "us") == 1
    assert found("tag:owner", "them") == 0
    assert found("tag-key", "owner") == 1
    assert found("tag-key", "colour") == 0


def test_an_unknown_nat_gateway_is_not_found(ec2: Any) -> None:
    with pytest.raises(ClientError, match="NatGatewayNotFound"):
        ec2.delete_nat_gateway(NatGatewayId="nat-00000000000000000")
    with pytest.raises(ClientError, match="NatGatewayNotFound"):
        ec2.describe_nat_gateways(NatGatewayIds=["nat-00000000000000000"])
