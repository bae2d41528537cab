"""O16: what is not ours and keeps a network from being deleted is named by its id, at once."""

from __future__ import annotations

import pytest
from awssim.clients import REGION
from orchestrator.errors import Blocked, Refused
from orchestrator.resources import bucket, network, registry

SETTLED = 3600  # virtual seconds


@pytest.fixture
def networked(provisioned_before, account):
    """A deployment that has a network and nothing in it."""
    workflow = provisioned_before(registry)
    account.clock.advance(SETTLED)
    return workflow


def vpc_of(workflow):
    return workflow.ledger.resource("vpc").id


def an_interface(workflow, ec2):
    subnet = workflow.ledger.resource("public-subnet-0").id
    made = ec2.create_network_interface(SubnetId=subnet, Description="ELB app/theirs/1")
    return made["NetworkInterface"]["NetworkInterfaceId"]


def a_subnet(workflow, ec2):
    made = ec2.create_subnet(VpcId=vpc_of(workflow), CidrBlock="10.0.99.0/24")
    return made["Subnet"]["SubnetId"]


def a_group(workflow, ec2):
    named = {"GroupName": "theirs", "Description": "theirs", "VpcId": vpc_of(workflow)}
    return ec2.create_security_group(**named)["GroupId"]


def a_group_elsewhere(workflow, ec2):
    """In a VPC of its own, with a rule that names our firewall."""
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    named = {"GroupName": "theirs", "Description": "theirs", "VpcId": other}
    group = ec2.create_security_group(**named)["GroupId"]
    pairs = [{"GroupId": workflow.ledger.resource("firewall").id}]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": pairs}]
    )
    return group


def a_route_table(workflow, ec2):
    return ec2.create_route_table(VpcId=vpc_of(workflow))["RouteTable"]["RouteTableId"]


def an_endpoint(workflow, ec2):
    made = ec2.create_vpc_endpoint(
        VpcId=vpc_of(workflow), ServiceName=f"com.amazonaws.{REGION}.s3", VpcEndpointType="Gateway"
    )
    return made["VpcEndpoint"]["VpcEndpointId"]


def a_vpn_gateway(workflow, ec2):
    made = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpnGatewayId=made, VpcId=vpc_of(workflow))
    return made


def a_peering(workflow, ec2):
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(VpcId=other, PeerVpcId=vpc_of(workflow))
    peering = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    return peering


FOREIGN = [
    *(an_interface, a_subnet, a_group, a_group_elsewhere, a_route_table, an_endpoint),
    *(a_vpn_gateway, a_peering),
]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_holds_the_network_is_named_and_stays(networked, account, foreign):
    identifier = foreign(networked, account.client("ec2"))
    before = account.clock.seconds

    with pytest.raises(Blocked, match=rf"not ours, and in the way: .*{identifier}") as refusal:
        network.destroy(networked.clients, networked.ledger)

    assert account.clock.seconds - before < 60
    assert networked.ledger.deployment().reason == f"Blocked: {refusal.value}"
    assert "`lamplighter down demo` again" in str(refusal.value)


def test_a_network_is_deleted_once_the_operator_has_removed_what_held_it(networked, account):
    ec2 = account.client("ec2")
    identifier = an_interface(networked, ec2)
    with pytest.raises(Blocked):
        network.destroy(networked.clients, networked.ledger)
    ec2.delete_network_interface(NetworkInterfaceId=identifier)

    networked.destroy(network)

    assert account.inventory() == {}


def test_an_object_whose_deletion_is_denied_is_named(complete, account):
    """S3 answers DeleteObjects with success and lists what stays."""
    seeing = complete.clients.s3.delete_objects

    def denied(**asked):
        [first, *_] = asked["Delete"]["Objects"]
        error = {**first, "Code": "AccessDenied", "Message": "explicit deny"}
        return {**seeing(**asked), "Errors": [error]}

    complete.clients.s3.delete_objects = denied
    try:
        with pytest.raises(Refused, match=r"object 'gateway/.* stays: AccessDenied: explicit deny"):
            complete.destroy(bucket)
    finally:
        complete.clients.s3.delete_objects = seeing
