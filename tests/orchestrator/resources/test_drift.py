"""Drift: what was changed or deleted by hand is named by the plan, mended by ensure, and gone.

The plan and the step share one comparison, so each row of the tables is asked of both.
"""

from __future__ import annotations

import json

import pytest
from orchestrator.aws import naming
from orchestrator.creation import drift
from orchestrator.errors import ResourceConflict
from orchestrator.resources import (
    address,
    bucket,
    dns,
    instance,
    keys,
    network,
    registry,
    scripts,
)
from steps import SPEC, Workflow

BUCKET = naming.bucket("demo", "123456789012", "us-east-1")
REPOSITORY = {"repositoryName": "lamplighter/demo/gateway"}
ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]
SETTLED = 3600  # virtual seconds; settle_seconds of the tests is 60


class Hand:
    """An operator's own calls, by the roles that the ledger knows."""

    def __init__(self, workflow):
        self.clients, self.ledger = workflow.clients, workflow.ledger
        self.ec2, self.s3, self.ecr = (workflow.account.client(s) for s in ("ec2", "s3", "ecr"))
        self.ssm = workflow.account.client("ssm")

    def id(self, role):
        return self.ledger.resource(role).id

    def table(self, kind):
        [found] = self.ec2.describe_route_tables(RouteTableIds=[self.id(f"{kind}-routes")])[
            "RouteTables"
        ]
        return found

    def association(self, kind):
        return self.table(kind)["Associations"][0]["RouteTableAssociationId"]

    def instance(self):
        return self.ledger.serving().instance_id

    def gateway(self):
        return {"InternetGatewayId": self.id("internet-gateway"), "VpcId": self.id("vpc")}

    def attribute(self, name, *, value):
        self.ec2.modify_vpc_attribute(VpcId=self.id("vpc"), **{name: {"Value": value}})

    def group(self, change, **rule):
        act = getattr(self.ec2, f"{change}_security_group_ingress")
        act(GroupId=self.id("firewall"), IpPermissions=[rule])

    def a_subnet(self):
        return self.ec2.create_subnet(VpcId=self.id("vpc"), CidrBlock="10.0.99.0/24")["Subnet"]

    def an_interface(self):
        subnet = self.id("public-subnet-0")
        made = self.ec2.create_network_interface(SubnetId=subnet)
        return made["NetworkInterface"]["NetworkInterfaceId"]

    def script(self):
        prefix = self.ledger.resource("scripts").facts["prefix"]
        return f"{prefix}/setup.sh"


def record_elsewhere(hand):
    [zone] = hand.clients.route53.list_hosted_zones()["HostedZones"]
    listed = hand.clients.route53.list_resource_record_sets(HostedZoneId=zone["Id"])
    [record] = [r for r in listed["ResourceRecordSets"] if r["Type"] == "A"]
    change = {"Action": "UPSERT", "ResourceRecordSet": {**record, "TTL": 5}}
    hand.clients.route53.change_resource_record_sets(
        HostedZoneId=zone["Id"], ChangeBatch={"Changes": [change]}
    )


def another_route_table(hand):
    made = hand.ec2.create_route_table(VpcId=hand.id("vpc"))["RouteTable"]["RouteTableId"]
    hand.ec2.replace_route_table_association(
        AssociationId=hand.association("public"), RouteTableId=made
    )


def at_another_instance(hand):
    [found] = hand.ec2.describe_addresses(AllocationIds=[hand.id("address-1")])["Addresses"]
    hand.ec2.disassociate_address(AssociationId=found["AssociationId"])


MENDED = {
    "dns support": (network, lambda h: h.attribute("EnableDnsSupport", value=False), "no names"),
    "host names": (network, lambda h: h.attribute("EnableDnsHostnames", value=False), "host names"),
    "public addresses": (
        network,
        lambda h: h.ec2.modify_subnet_attribute(
            SubnetId=h.id("private-subnet-0"), MapPublicIpOnLaunch={"Value": True}
        ),
        "gives every instance a public address",
    ),
    "default route deleted": (
        network,
        lambda h: h.ec2.delete_route(
            RouteTableId=h.id("public-routes"), DestinationCidrBlock="0.0.0.0/0"
        ),
        "no route to 0.0.0.0/0",
    ),
    "default route moved": (
        network,
        lambda h: h.ec2.replace_route(
            RouteTableId=h.id("public-routes"),
            DestinationCidrBlock="0.0.0.0/0",
            NetworkInterfaceId=h.an_interface(),
        ),
        "0.0.0.0/0 to eni-",
    ),
    "foreign route": (
        network,
        lambda h: h.ec2.create_route(
            RouteTableId=h.id("private-routes"),
            DestinationCidrBlock="192.168.0.0/16",
            GatewayId=h.id("internet-gateway"),
        ),
        "192.168.0.0/16 to igw-",
    ),
    "way out of the private subnets": (
        network,
        lambda h: h.ec2.create_route(
            RouteTableId=h.id("private-routes"),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=h.id("internet-gateway"),
        ),
        "private route table",
    ),
    "association deleted": (
        network,
        lambda h: h.ec2.disassociate_route_table(AssociationId=h.association("public")),
        "no route table of its own",
    ),
    "association moved": (network, another_route_table, "has the route table"),
    "everything let in": (
        network,
        lambda h: h.group("authorize", IpProtocol="-1", IpRanges=ANYWHERE),
        "lets in: everything 0.0.0.0/0",
    ),
    "udp beside tcp": (
        network,
        lambda h: h.group(
            "authorize", IpProtocol="udp", FromPort=443, ToPort=443, IpRanges=ANYWHERE
        ),
        "lets in: udp 443 0.0.0.0/0",
    ),
    "https closed": (
        network,
        lambda h: h.group("revoke", IpProtocol="tcp", FromPort=443, ToPort=443, IpRanges=ANYWHERE),
        "does not let in: tcp 443",
    ),
    "way out closed": (
        network,
        lambda h: h.ec2.revoke_security_group_egress(
            GroupId=h.id("firewall"), IpPermissions=[{"IpProtocol": "-1", "IpRanges": ANYWHERE}]
        ),
        "does not let out",
    ),
    "public bucket": (
        bucket,
        lambda h: h.s3.delete_public_access_block(Bucket=BUCKET),
        "public access is blocked is not set",
    ),
    "versions": (
        bucket,
        lambda h: h.s3.put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
        ),
        "versioning is Suspended",
    ),
    "encryption": (
        bucket,
        lambda h: h.s3.put_bucket_encryption(
            Bucket=BUCKET,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
            },
        ),
        "own key is aws:kms",
    ),
    "object owner": (
        bucket,
        lambda h: h.s3.put_bucket_ownership_controls(
            Bucket=BUCKET,
            OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        ),
        "ObjectWriter",
    ),
    "lifecycle": (bucket, lambda h: h.s3.delete_bucket_lifecycle(Bucket=BUCKET), "lifecycle is"),
    "bucket policy": (bucket, lambda h: h.s3.delete_bucket_policy(Bucket=BUCKET), "policy is not"),
    "mutable tags": (
        registry,
        lambda h: h.ecr.put_image_tag_mutability(imageTagMutability="MUTABLE", **REPOSITORY),
        "tags are MUTABLE",
    ),
    "no scan": (
        registry,
        lambda h: h.ecr.put_image_scanning_configuration(
            imageScanningConfiguration={"scanOnPush": False}, **REPOSITORY
        ),
        "not scanned",
    ),
    "repository policy": (
        registry,
        lambda h: h.ecr.delete_repository_policy(**REPOSITORY),
        "another policy",
    ),
    "image lifecycle": (
        registry,
        lambda h: h.ecr.delete_lifecycle_policy(**REPOSITORY),
        "another lifecycle",
    ),
    "script deleted": (
        scripts,
        lambda h: h.s3.delete_object(Bucket=BUCKET, Key=h.script()),
        "setup.sh",
    ),
    "script changed": (
        scripts,
        lambda h: h.s3.put_object(Bucket=BUCKET, Key=h.script(), Body=b"rm -rf /"),
        "setup.sh",
    ),
    "metadata service": (
        instance,
        lambda h: h.ec2.modify_instance_metadata_options(
            InstanceId=h.instance(), HttpTokens="optional", HttpPutResponseHopLimit=2
        ),
        "HttpTokens optional",
    ),
    "instance groups": (
        instance,
        lambda h: h.ec2.modify_instance_attribute(
            InstanceId=h.instance(),
            Groups=[
                h.ec2.create_security_group(
                    GroupName="mine", Description="mine", VpcId=h.id("vpc")
                )["GroupId"]
            ],
        ),
        "has the security groups sg-",
    ),
    "forwarding": (
        instance,
        lambda h: h.ec2.modify_instance_attribute(
            InstanceId=h.instance(), SourceDestCheck={"Value": False}
        ),
        "forwards packets",
    ),
    "root volume": (
        instance,
        lambda h: h.ec2.modify_instance_attribute(
            InstanceId=h.instance(),
            BlockDeviceMappings=[
                {"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": False}}
            ],
        ),
        "root volume behind",
    ),
    "address": (address, at_another_instance, "is at no instance"),
    "record": (dns, record_elsewhere, "A infer.example.com. 5 s"),
}


def to_do(workflow, module):
    """The plan's lines that are more than `keep`."""
    changes = workflow.run(module.plan, module)
    return [(c.action, f"{c.what}: {c.why}") for c in changes if c.action != "keep"]


@pytest.mark.parametrize("case", MENDED)
def test_what_was_changed_by_hand_is_planned_and_mended(complete, account, case):
    module, harm, named = MENDED[case]
    account.clock.advance(SETTLED)
    assert to_do(complete, module) == []
    harm(Hand(complete))

    planned = to_do(complete, module)
    complete.ensure(module)

    assert [action for action, _ in planned] == ["change"]
    assert named in planned[0][1]
    assert to_do(complete, module) == []


def test_what_was_deleted_by_hand_is_created_and_nothing_else_changes(complete, account):
    account.clock.advance(SETTLED)
    hand = Hand(complete)
    for name in ("/lamplighter/demo/api-key", "/lamplighter/demo/keys/default"):
        hand.ssm.delete_parameter(Name=name)
    hand.ecr.delete_repository(force=True, **REPOSITORY)

    created = [action for module in (keys, registry) for action, _ in to_do(complete, module)]
    complete.ensure(keys, registry)

    assert created == ["create"] * 3
    assert to_do(complete, keys) + to_do(complete, registry) == []


def test_a_subnet_and_a_route_table_that_are_missing_are_planned_and_made(complete, account):
    account.clock.advance(SETTLED)
    hand = Hand(complete)
    table = hand.table("private")
    for each in table["Associations"]:
        hand.ec2.disassociate_route_table(AssociationId=each["RouteTableAssociationId"])
    hand.ec2.delete_route_table(RouteTableId=table["RouteTableId"])
    hand.ec2.delete_subnet(SubnetId=hand.id("private-subnet-1"))

    planned = to_do(complete, network)
    complete.ensure(network)

    assert [action for action, _ in planned] == ["create", "create"]
    assert to_do(complete, network) == []


def endpoint_route(hand):
    """Stands for the route of a gateway endpoint, which moto does not show."""
    table = hand.table("public")["RouteTableId"]
    seeing = hand.clients.ec2.describe_route_tables

    def describe(**asked):
        answer = seeing(**asked)
        for found in answer["RouteTables"]:
            if found["RouteTableId"] == table:
                route = {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"}
                found["Routes"].append(route)
        return answer

    hand.clients.ec2.describe_route_tables = describe


def plain_text_key(hand):
    hand.ssm.delete_parameter(Name="/lamplighter/demo/api-key")
    tags = [
        {"Key": naming.INSTALLATION, "Value": "lamplighter"},
        {"Key": naming.OWNER, "Value": "demo"},
    ]
    hand.ssm.put_parameter(
        Name="/lamplighter/demo/api-key", Type="String", Value="sk-default-x", Tags=tags
    )


REPORTED = {
    "default group": (
        network,
        lambda h: h.ec2.authorize_security_group_ingress(
            GroupId=h.ec2.describe_security_groups(
                Filters=[
                    {"Name": "vpc-id", "Values": [h.id("vpc")]},
                    {"Name": "group-name", "Values": ["default"]},
                ]
            )["SecurityGroups"][0]["GroupId"],
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ANYWHERE}
            ],
        ),
        "lets in: tcp 22 0.0.0.0/0",
    ),
    "endpoint": (network, endpoint_route, "pl-1 to vpce-1"),
    "key in plain text": (keys, plain_text_key, "is a String"),
}


@pytest.mark.parametrize("case", REPORTED)
def test_what_only_an_operator_can_decide_is_reported_and_stays(
    complete, account, case, monkeypatch
):
    module, harm, named = REPORTED[case]
    ec2 = complete.clients.ec2  # all tests share it
    monkeypatch.setattr(ec2, "describe_route_tables", ec2.describe_route_tables)
    account.clock.advance(SETTLED)
    harm(Hand(complete))
    before = account.inventory()

    planned = to_do(complete, module)
    complete.ensure(module)

    assert [action for action, _ in planned] == ["report"]
    assert named in planned[0][1]
    assert to_do(complete, module) == planned
    assert account.inventory() == before


def moved_gateway(hand):
    other = hand.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    hand.ec2.detach_internet_gateway(**hand.gateway())
    hand.ec2.attach_internet_gateway(**{**hand.gateway(), "VpcId": other})


def another_gateway(hand):
    hand.ec2.detach_internet_gateway(**hand.gateway())
    other = hand.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    hand.ec2.attach_internet_gateway(**{**hand.gateway(), "InternetGatewayId": other})


@pytest.fixture
def networked(provisioned_before, account):
    """A network without a host: EC2 detaches no gateway that a public address needs."""
    workflow = provisioned_before(registry)
    account.clock.advance(SETTLED)
    return workflow


def test_a_gateway_that_was_detached_is_attached_again(networked):
    hand = Hand(networked)
    hand.ec2.detach_internet_gateway(**hand.gateway())

    planned = to_do(networked, network)
    networked.ensure(network)

    assert planned[0][0] == "change"
    assert "is attached to no VPC" in planned[0][1]
    assert to_do(networked, network) == []


@pytest.mark.parametrize("harm", [moved_gateway, another_gateway])
def test_a_gateway_that_keeps_ours_out_is_named_and_not_touched(networked, account, harm):
    harm(Hand(networked))
    before = account.inventory()

    assert "report" in {action for action, _ in to_do(networked, network)}
    with pytest.raises(ResourceConflict, match=r"igw-\w+ is attached to vpc-\w+: .*detach"):
        networked.ensure(network)

    assert account.inventory() == before


UNTAGGED = {
    "vpc": (network, "vpc"),
    "internet gateway": (network, "internet-gateway"),
    "route table": (network, "public-routes"),
    "firewall": (network, "firewall"),
    "address": (address, "address-1"),
}


@pytest.mark.parametrize("case", UNTAGGED)
def test_what_lost_its_tags_is_named_by_plan_and_ensure_and_not_doubled(complete, account, case):
    module, role = UNTAGGED[case]
    account.clock.advance(SETTLED)
    hand = Hand(complete)
    hand.ec2.delete_tags(Resources=[hand.id(role)], Tags=[{"Key": naming.OWNER}])
    before = account.inventory()

    for act in (module.plan, module.ensure):
        with pytest.raises(ResourceConflict, match=rf"{role} {hand.id(role)} .*lost its tags"):
            complete.run(act, module)

    assert account.inventory() == before


@pytest.mark.parametrize("role", ["public-subnet-0", "nat", "nat-address"])
def test_a_part_of_the_network_that_lost_its_tags_is_not_doubled(account, role):
    workflow = Workflow(account, {**SPEC, "network": {"nat": "single"}})
    with account.uncounted():
        workflow.start()
        workflow.ensure(network)
    account.clock.advance(SETTLED)
    hand = Hand(workflow)
    hand.ec2.delete_tags(Resources=[hand.id(role)], Tags=[{"Key": naming.OWNER}])
    before = account.inventory()

    with pytest.raises(ResourceConflict, match=rf"{role} {hand.id(role)} .*lost its tags"):
        workflow.ensure(network)

    assert account.inventory() == before


def test_the_history_of_a_deployment_that_served_names_what_was_mended(complete, account):
    account.clock.advance(SETTLED)
    complete.ledger.record(served_at=complete.ledger.time())
    Hand(complete).s3.delete_bucket_policy(Bucket=BUCKET)

    complete.ensure(bucket)

    [line] = [row["text"] for row in complete.ledger.rows("event#") if row["what"] == "drift"]
    assert "policy is not set" in line
    assert line.endswith("(mended)")


def test_a_difference_that_blocks_is_not_passed_over(complete):
    one = drift.Drift("a thing", "do this", blocks=True)

    with pytest.raises(ResourceConflict, match="a thing: do this"):
        drift.mend(complete.ledger, "network", [one])


def test_a_policy_that_s3_writes_in_another_order_is_the_same(complete, account):
    account.clock.advance(SETTLED)
    hand = Hand(complete)
    policy = json.loads(hand.s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    hand.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(dict(reversed(policy.items()))))

    assert to_do(complete, bucket) == []
