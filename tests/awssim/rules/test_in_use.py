from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

    from .conftest import Network


def test_a_subnet_cannot_go_before_its_instance_is_terminated(
    account: Account, ec2: Any, network: Network, instance: str
) -> None:
    ec2.terminate_instances(InstanceIds=[instance])

    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=network.subnet)
    account.clock.advance(60)
    ec2.delete_subnet(SubnetId=network.subnet)

    assert account.inventory()["subnets"] == []


def test_a_subnet_cannot_go_before_its_nat_gateway_is_deleted(
    account: Account, ec2: Any, network: Network, nat_gateway: str
) -> None:
    ec2.delete_nat_gateway(NatGatewayId=nat_gateway)

    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=network.subnet)
    account.clock.advance(60)
    ec2.delete_subnet(SubnetId=network.subnet)

    assert account.inventory()["subnets"] == []


def test_a_security_group_cannot_go_before_its_instance_is_terminated(
    account: Account, ec2: Any, network: Network, instance: str
) -> None:
    ec2.terminate_instances(InstanceIds=[instance])

    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=network.security_group)
    account.clock.advance(60)
    ec2.delete_security_group(GroupId=network.security_group)

    assert account.inventory()["security_groups"] == []


def test_an_internet_gateway_stays_while_an_address_is_mapped(
    account: Account, ec2: Any, network: Network, instance: str
) -> None:
    there = {"InternetGatewayId": network.internet_gateway, "VpcId": network.vpc}
    ec2.terminate_instances(InstanceIds=[instance])

    with pytest.raises(ClientError, match=r"DependencyViolation.*mapped public address"):
        ec2.detach_internet_gateway(**there)
    account.clock.advance(60)
    ec2.detach_internet_gateway(**there)

    assert account.shape()["internet_gateways"] == ["detached "]


@pytest.mark.usefixtures("nat_gateway")
def test_an_internet_gateway_stays_while_a_nat_gateway_lives(ec2: Any, network: Network) -> None:
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.detach_internet_gateway(InternetGatewayId=network.internet_gateway, VpcId=network.vpc)


def test_a_whole_network_goes_in_the_right_order(
    account: Account, ec2: Any, network: Network, instance: str, nat_gateway: str, address: str
) -> None:
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.delete_nat_gateway(NatGatewayId=nat_gateway)
    account.clock.advance(60)

    ec2.release_address(AllocationId=address)
    ec2.detach_internet_gateway(InternetGatewayId=network.internet_gateway, VpcId=network.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=network.internet_gateway)
    ec2.delete_subnet(SubnetId=network.subnet)
    ec2.delete_security_group(GroupId=network.security_group)
    ec2.delete_vpc(VpcId=network.vpc)

    assert account.inventory() == {}


def test_a_subnet_cannot_go_before_a_network_interface_in_it(ec2: Any, network: Network) -> None:
    made = ec2.create_network_interface(SubnetId=network.subnet)["NetworkInterface"]

    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=network.subnet)
    ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"])
    ec2.delete_subnet(SubnetId=network.subnet)


def test_a_security_group_cannot_go_before_the_rules_that_name_it(
    ec2: Any, network: Network
) -> None:
    other = ec2.create_security_group(GroupName="b", Description="b", VpcId=network.vpc)["GroupId"]
    rule = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": network.security_group}]}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])

    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=network.security_group)
    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=[rule])
    ec2.delete_security_group(GroupId=network.security_group)


def test_a_vpc_cannot_go_before_what_is_in_it_and_at_it(ec2: Any, network: Network) -> None:
    gateway = {"InternetGatewayId": network.internet_gateway, "VpcId": network.vpc}
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    steps = (
        lambda: ec2.delete_subnet(SubnetId=network.subnet),
        lambda: ec2.delete_security_group(GroupId=network.security_group),
        lambda: ec2.delete_route_table(RouteTableId=table),
        lambda: ec2.detach_internet_gateway(**gateway),
    )
    for step in steps:
        with pytest.raises(ClientError, match="DependencyViolation"):
            ec2.delete_vpc(VpcId=network.vpc)
        step()

    ec2.delete_vpc(VpcId=network.vpc)
