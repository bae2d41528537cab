"""Drift of the security group: what an operator added is taken away, what is missing restored."""

from __future__ import annotations

import pytest
from awssim import error
from orchestrator.resources import network

ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]
ADDED = [
    {"IpProtocol": "-1", "IpRanges": ANYWHERE},
    {"IpProtocol": "udp", "FromPort": 443, "ToPort": 443, "IpRanges": ANYWHERE},
    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 65535, "IpRanges": ANYWHERE},
    {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 443, "IpRanges": ANYWHERE},
    {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]},
    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
    {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "PrefixListIds": [{"PrefixListId": "pl-12345678", "Description": "the office"}],
    },
    {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": ANYWHERE},
]


@pytest.fixture
def group(workflow, account):
    """The deployment's security group, whose rules drift."""
    with account.uncounted():
        workflow.start()
        workflow.ensure(network)
    return workflow.ledger.resource("firewall").id


def rules(workflow, group):
    """Return every rule as EC2 lists it, ids and tags aside."""
    answer = workflow.clients.ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group]}]
    )
    generated = {"SecurityGroupRuleId", "SecurityGroupRuleArn", "Tags"}
    return sorted(
        sorted((k, str(v)) for k, v in rule.items() if k not in generated)
        for rule in answer["SecurityGroupRules"]
    )


def test_what_was_added_to_the_way_in_is_taken_away(workflow, group):
    ec2, before = workflow.clients.ec2, rules(workflow, group)
    itself = [{"GroupId": group, "Description": "each other"}]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[*ADDED, {"IpProtocol": "-1", "UserIdGroupPairs": itself}],
    )
    assert len(rules(workflow, group)) == len(before) + len(ADDED) + 1

    workflow.ensure(network)

    assert rules(workflow, group) == before


def test_what_is_missing_in_the_way_in_is_restored(workflow, group):
    ec2, before = workflow.clients.ec2, rules(workflow, group)
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ANYWHERE}
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[https])
    udp = {**https, "IpProtocol": "udp"}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[udp])

    workflow.ensure(network)

    assert rules(workflow, group) == before


def test_the_way_out_is_everything_and_nothing_else(workflow, group):
    ec2, before = workflow.clients.ec2, rules(workflow, group)
    everything = {"IpProtocol": "-1", "IpRanges": ANYWHERE}
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ANYWHERE}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[https])

    workflow.ensure(network)

    assert rules(workflow, group) == before


def test_a_rule_that_went_meanwhile_does_not_save_the_others(workflow, account, group):
    """EC2 revokes none of the rules when it does not find one of them."""
    before = rules(workflow, group)
    workflow.clients.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ADDED[:2])
    gone = error("InvalidPermission.NotFound")
    account.fault(operation="RevokeSecurityGroupIngress", error=gone)

    workflow.ensure(network)

    assert rules(workflow, group) == before
