"""A furnished account and a small network in it: one public subnet behind an internet gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from awssim.fixtures import account
from awssim.rules.catalogue import IMAGES

if TYPE_CHECKING:
    from awssim import Account


__all__ = ["account"]


@dataclass(frozen=True, slots=True)
class Network:
    vpc: str
    subnet: str
    internet_gateway: str
    security_group: str


@pytest.fixture
def ec2(account: Account) -> Any:
    return account.client("ec2")


@pytest.fixture
def route53(account: Account) -> Any:
    return account.client("route53")


@pytest.fixture
def zone(account: Account, route53: Any) -> str:
    with account.uncounted():
        found: str = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    return found


@pytest.fixture
def network(account: Account, ec2: Any) -> Network:
    with account.uncounted():
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)
    return Network(vpc, subnet, gateway, group["GroupId"])


@pytest.fixture
def launch(network: Network) -> dict[str, Any]:
    """Parameters of a legal RunInstances."""
    return {
        "ImageId": next(iter(IMAGES.values())),
        "InstanceType": "t3.large",
        "MinCount": 1,
        "MaxCount": 1,
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "SubnetId": network.subnet,
                "Groups": [network.security_group],
                "AssociatePublicIpAddress": True,
            }
        ],
    }


@pytest.fixture
def instance(account: Account, ec2: Any, launch: dict[str, Any]) -> str:
    """A running instance in the network."""
    with account.uncounted():
        launched: str = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    account.clock.advance(30)
    return launched


@pytest.fixture
def address(account: Account, ec2: Any) -> str:
    with account.uncounted():
        allocated: str = ec2.allocate_address(Domain="vpc")["AllocationId"]
    return allocated


@pytest.fixture
def nat_gateway(account: Account, ec2: Any, network: Network, address: str) -> str:
    """A NAT gateway that was just asked for: pending."""
    with account.uncounted():
        made = ec2.create_nat_gateway(SubnetId=network.subnet, AllocationId=address)
    identifier: str = made["NatGateway"]["NatGatewayId"]
    return identifier
