"""Teardown needs nothing that may be gone, and leaves no name that points to a released address."""

from __future__ import annotations

import pytest
from awssim import Crash, error
from awssim.clients import REGION
from orchestrator.aws import naming
from orchestrator.deployments import inventory
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.errors import Pending, ResourceConflict, ResourcesLeft
from orchestrator.resources import address, bucket, dns, firewall, instance, keys, network, registry
from steps import SPEC, Workflow

HOST, BUCKET = "infer.example.com", naming.bucket("demo", "123456789012", "us-east-1")
STRANGER = "210987654321"
MARK = naming.ownership_record(HOST)


def zone_of(workflow):
    [zone] = workflow.clients.route53.list_hosted_zones()["HostedZones"]
    return zone["Id"].rpartition("/")[2]


def change(workflow, action, *records):
    workflow.clients.route53.change_resource_record_sets(
        HostedZoneId=zone_of(workflow),
        ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": r} for r in records]},
    )


def records(workflow):
    """Return those of the endpoint's name; the proof for its certificate is another module's."""
    listed = workflow.clients.route53.list_resource_record_sets(HostedZoneId=zone_of(workflow))
    return [r for r in listed["ResourceRecordSets"] if r["Type"] not in {"NS", "SOA", "CNAME"}]


def remove_record(workflow, *kinds):
    change(workflow, "DELETE", *(r for r in records(workflow) if r["Type"] in kinds))


def remove_mark(workflow):
    remove_record(workflow, "TXT")


def remove_zone(workflow):
    remove_record(workflow, "A", "TXT")
    listed = workflow.clients.route53.list_resource_record_sets(HostedZoneId=zone_of(workflow))
    change(workflow, "DELETE", *(r for r in listed["ResourceRecordSets"] if r["Type"] == "CNAME"))
    workflow.clients.route53.delete_hosted_zone(Id=zone_of(workflow))


def lose_row(workflow):
    workflow.ledger.forget("dns")


def lose_row_and_mark(workflow):
    remove_mark(workflow)
    lose_row(workflow)


def lose_row_and_zone(workflow):
    remove_zone(workflow)
    lose_row(workflow)


def take_down(workflow):
    workflow.teardown()
    assert workflow.clear(inventory.check) == {"left": 0}


@pytest.mark.parametrize(
    "harm",
    [
        remove_mark,
        lambda w: remove_record(w, "A"),
        lambda w: remove_record(w, "A", "TXT"),
        remove_zone,
        lose_row,
        lose_row_and_mark,
        lose_row_and_zone,
    ],
    ids=["mark", "address", "both", "zone", "row", "row-and-mark", "row-and-zone"],
)
def test_no_name_is_left_whatever_was_removed_by_hand(complete, account, harm):
    with account.uncounted():
        harm(complete)

    take_down(complete)

    assert account.inventory() == {}


def test_an_address_record_that_points_elsewhere_by_now_is_kept(complete, account):
    moved = {
        "Name": f"{HOST}.",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    with account.uncounted():
        change(complete, "UPSERT", moved)

    take_down(complete)

    assert [(r["Name"], r["ResourceRecords"]) for r in records(complete)] == [
        (f"{HOST}.", [{"Value": "192.0.2.1"}])
    ]


def test_an_address_record_that_was_moved_is_kept_beside_the_mark_of_an_earlier_version(
    complete, account
):
    mark = {
        "Name": MARK,
        "Type": "TXT",
        "TTL": 60,
        "ResourceRecords": [{"Value": f'"{naming.OWNER}=demo"'}],
    }
    with account.uncounted():
        change(complete, "UPSERT", record_of("A", "192.0.2.1"), mark)
        complete.ledger.update("resource#dns", {"state": "ready", "address": None})

    complete.destroy(dns)

    assert [(r["Type"], r["ResourceRecords"]) for r in records(complete)] == [
        ("A", [{"Value": "192.0.2.1"}])
    ]


def test_an_ipv6_record_beside_ours_is_left_alone(complete, account):
    with account.uncounted():
        change(complete, "UPSERT", record_of("AAAA", "2001:db8::1"))
    already = len(account.calls)

    complete.ensure(dns)

    operations = [call.operation for call in account.calls[already:]]
    assert "ChangeResourceRecordSets" not in operations
    complete.destroy(dns)
    assert [r["Type"] for r in records(complete)] == ["AAAA"]


def record_of(kind, value):
    return {
        "Name": f"{HOST}.",
        "Type": kind,
        "TTL": 60,
        "ResourceRecords": [{"Value": value}],
    }


def test_the_name_goes_before_its_address_is_released(complete, account):
    complete.teardown()

    operations = [call.operation for call in account.calls]
    assert operations.index("ChangeResourceRecordSets") < operations.index("ReleaseAddress")


def test_a_name_that_is_left_is_named(complete, account):
    complete.destroy(*(m for m in reversed(RESOURCES) if m is not dns))

    with pytest.raises(ResourcesLeft, match=rf"2 resources left: A record {HOST}\. in zone"):
        complete.clear(inventory.check)


def test_a_removed_mark_is_written_again(complete):
    remove_mark(complete)

    complete.ensure(dns)

    assert MARK in {record["Name"] for record in records(complete)}


def test_the_plan_of_a_deployment_whose_mark_was_removed_keeps_its_name(complete):
    remove_mark(complete)

    assert [change.action for change in complete.run(dns.plan)] == ["keep", "change"]


def delete_repository(c):
    c.ecr.delete_repository(repositoryName="lamplighter/demo/gateway", force=True)


def delete_bucket(c):
    for item in c.s3.list_object_versions(Bucket=BUCKET)["Versions"]:
        c.s3.delete_object(Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"])
    c.s3.delete_bucket(Bucket=BUCKET)


def delete_parameters(c):
    for found in c.ssm.describe_parameters()["Parameters"]:
        c.ssm.delete_parameter(Name=found["Name"])


def release_address(c):
    for found in c.ec2.describe_addresses()["Addresses"]:
        c.ec2.disassociate_address(AssociationId=found["AssociationId"])
        c.ec2.release_address(AllocationId=found["AllocationId"])


def terminate(c):
    [held] = c.ec2.describe_instances(Filters=naming.owned("demo"))["Reservations"]
    c.ec2.terminate_instances(InstanceIds=[held["Instances"][0]["InstanceId"]])


@pytest.mark.parametrize(
    "delete", [delete_repository, delete_bucket, delete_parameters, release_address, terminate]
)
def test_what_was_deleted_by_hand_is_done(complete, account, delete):
    with account.uncounted():
        delete(complete.clients)

    take_down(complete)

    assert account.inventory() == {}


def test_a_network_that_was_deleted_by_hand_is_done(complete, account):
    with account.uncounted():
        complete.destroy(dns, address, instance)
        rows = [r for r in complete.ledger.rows() if r["sk"].startswith("resource#")]
        complete.destroy(network)
        for row in rows:
            complete.ledger.write(
                row["sk"], {k: v for k, v in row.items() if k not in {"pk", "sk"}}
            )
    account.clock.advance(120)

    take_down(complete)

    assert account.inventory() == {}


def test_a_nat_gateway_that_lingers_with_its_tags_is_not_left(account):
    workflow = Workflow(account, {**SPEC, "network": {"nat": "single"}})
    with account.uncounted():
        workflow.provision()
    tags = workflow.clients.ec2.describe_tags(Filters=[{"Name": "key", "Values": [naming.OWNER]}])
    assert "natgateway" in {tag["ResourceType"] for tag in tags["Tags"]}

    take_down(workflow)

    assert account.inventory() == {}


# -- somebody removed the tags: it may be ours, so it is named and not forgotten -----------------


def remove_tags(workflow, role):
    """Return the id of `role` after removing every tag from it."""
    identifier = workflow.ledger.resource(role).id
    tags = workflow.clients.ec2.describe_tags(
        Filters=[{"Name": "resource-id", "Values": [identifier]}]
    )["Tags"]
    assert tags
    workflow.clients.ec2.delete_tags(Resources=[identifier], Tags=[{"Key": t["Key"]} for t in tags])
    return identifier


# In the order of their deletion.
WITHOUT_TAGS = [
    ("firewall", "DeleteSecurityGroup"),
    ("internet-gateway", "DeleteInternetGateway"),
    ("public-routes", "DeleteRouteTable"),
    ("public-subnet-0", "DeleteSubnet"),
    ("vpc", "DeleteVpc"),
]
DENIED = error("UnauthorizedOperation", "its tags are looked at", status=403)


def test_an_address_that_lost_its_tags_and_may_not_be_released_is_named(complete, account):
    with account.uncounted():
        identifier = remove_tags(complete, "address-1")
    account.clock.advance(120)
    account.fault(operation="ReleaseAddress", error=DENIED)

    with pytest.raises(ResourceConflict, match=f"address-1 {identifier} .* lost its tags"):
        complete.destroy(dns, address)

    assert complete.ledger.resource("address-1").id == identifier


def test_a_part_of_the_network_that_lost_its_tags_and_may_not_be_deleted_is_named(
    workflow, account
):
    with account.uncounted():
        workflow.start()
        workflow.ensure(network)
        ids = {role: remove_tags(workflow, role) for role, _ in WITHOUT_TAGS}
    account.clock.advance(120)

    for role, operation in WITHOUT_TAGS:
        account.fault(operation=operation, error=DENIED)
        with pytest.raises(ResourceConflict, match=f"{role} {ids[role]} .* lost its tags"):
            workflow.destroy(network)
        assert workflow.ledger.resource(role).id == ids[role]


def test_another_bucket_of_the_name_of_ours_is_kept_and_named(complete, account):
    with account.uncounted():
        delete_bucket(complete.clients)
        complete.clients.s3.create_bucket(Bucket=BUCKET)
        # moto keeps the tags of the one that was deleted
        complete.clients.s3.delete_bucket_tagging(Bucket=BUCKET)
        complete.clients.s3.put_object(Bucket=BUCKET, Key="precious", Body=b"x")

    with pytest.raises(ResourceConflict, match=f"{BUCKET}.* lost its tags"):
        complete.destroy(bucket)

    assert complete.clients.s3.get_object(Bucket=BUCKET, Key="precious")


def test_a_bucket_whose_creation_died_before_its_tags_is_deleted(workflow, account):
    with account.uncounted():
        workflow.start()
    account.fault(operation="PutBucketTagging", crash=True)
    with pytest.raises(Crash):
        workflow.ensure(bucket)

    workflow.destroy(bucket)

    assert account.inventory() == {}


def untag_repository(workflow):
    [found] = workflow.clients.ecr.describe_repositories()["repositories"]
    workflow.clients.ecr.untag_resource(resourceArn=found["repositoryArn"], tagKeys=[naming.OWNER])


def untag_parameter(name):
    def untag(workflow):
        workflow.clients.ssm.remove_tags_from_resource(
            ResourceType="Parameter", ResourceId=name, TagKeys=[naming.OWNER]
        )

    return untag


@pytest.mark.parametrize(
    ("module", "untag", "name"),
    [
        (registry, untag_repository, "lamplighter/demo/gateway"),
        (keys, untag_parameter("/lamplighter/demo/api-key"), "/lamplighter/demo/api-key"),
        (keys, untag_parameter("/lamplighter/demo/keys/default"), "/lamplighter/demo/keys/default"),
    ],
    ids=["repository", "api-key", "hash"],
)
def test_what_lost_the_deployments_tag_is_named(complete, account, module, untag, name):
    with account.uncounted():
        untag(complete)
    assert any(name in line for line in complete.clear(module.found))

    with pytest.raises(ResourceConflict, match=f"{name}.* lost its tags"):
        complete.destroy(module)

    assert complete.ledger.resource("registry" if module is registry else "api-key")


# -- created a moment ago: AWS may not know yet what it gave out -----------------------------------

UNSEEN = [
    (network, "DeleteVpc", "InvalidVpcID.NotFound"),
    (network, "DeleteInternetGateway", "InvalidInternetGatewayID.NotFound"),
    (network, "DeleteSubnet", "InvalidSubnetID.NotFound"),
    (network, "DeleteRouteTable", "InvalidRouteTableID.NotFound"),
    (firewall, "DeleteSecurityGroup", "InvalidGroup.NotFound"),
    (registry, "DescribeRepositories", "RepositoryNotFoundException"),
    (bucket, "GetBucketTagging", "NoSuchBucket"),
    (keys, "ListTagsForResource", "InvalidResourceId"),
    (address, "ReleaseAddress", "InvalidAllocationID.NotFound"),
    (instance, "DescribeInstances", "InvalidInstanceID.NotFound"),
]


@pytest.mark.parametrize(
    ("module", "operation", "code"), UNSEEN, ids=[operation for _, operation, _ in UNSEEN]
)
def test_what_is_too_young_to_be_seen_is_not_taken_for_gone(
    provisioned_before, account, module, operation, code
):
    made_by = network if module is firewall else module
    workflow = provisioned_before(made_by)
    with account.uncounted():
        before = account.inventory()
        workflow.ensure(made_by)
        recreated(workflow, made_by)
    account.fault(operation=operation, error=error(code, "not yet"))

    workflow.destroy(made_by)

    assert account.faults.unspent() == []
    assert without_contents(account.inventory()) == without_contents(before)


def recreated(workflow, module):
    """Let every row of the module be as young as if its step had just ended."""
    for row in workflow.ledger.rows():
        if row["sk"].startswith("resource#"):
            workflow.ledger.update(row["sk"], {"intended_at": workflow.ledger.time()})


def without_contents(inventory):
    return {kind: ids for kind, ids in inventory.items() if kind not in {"images", "objects"}}


# -- sent again by the SDK: the second call meets what the first one did ---------------------------

RESENT = [
    ("CreateRepository", "RepositoryAlreadyExistsException"),
    ("CreateBucket", "BucketAlreadyOwnedByYou"),
    ("PutParameter", "ParameterAlreadyExists"),
    ("AttachInternetGateway", "Resource.AlreadyAssociated"),
    ("CreateSecurityGroup", "InvalidGroup.Duplicate"),
    ("CreateRoute", "RouteAlreadyExists"),
    ("AssociateRouteTable", "Resource.AlreadyAssociated"),
    ("AuthorizeSecurityGroupIngress", "InvalidPermission.Duplicate"),
]
RESENT_DELETES = [
    ("ChangeResourceRecordSets", "InvalidChangeBatch"),
    ("ReleaseAddress", "InvalidAllocationID.NotFound"),
    ("DisassociateAddress", "InvalidAssociationID.NotFound"),
    ("TerminateInstances", "InvalidInstanceID.NotFound"),
    ("DeleteParameter", "ParameterNotFound"),
    ("DeleteBucket", "NoSuchBucket"),
    ("DeleteRepository", "RepositoryNotFoundException"),
    ("DeleteSecurityGroup", "InvalidGroup.NotFound"),
    ("DetachInternetGateway", "Gateway.NotAttached"),
    ("DeleteInternetGateway", "InvalidInternetGatewayID.NotFound"),
    ("DisassociateRouteTable", "InvalidAssociationID.NotFound"),
    ("DeleteSubnet", "InvalidSubnetID.NotFound"),
    ("DeleteRouteTable", "InvalidRouteTableID.NotFound"),
    ("DeleteVpc", "InvalidVpcID.NotFound"),
]
RESENT_AND_HIDDEN_DELETES = [  # IAM asks for a tag, and what is gone has none
    ("DeleteParameter", "AccessDeniedException"),
    ("DeleteRepository", "AccessDeniedException"),
]


def send_twice(account, faults):
    """Every one of these calls gets the reply that AWS gives to its repetition."""
    for operation, code in faults:
        account.fault(operation=operation, when="after", error=error(code, "sent twice"))


def test_resent_creates_go_on_with_what_they_created(workflow, account):
    with account.uncounted():
        workflow.start()
    send_twice(account, RESENT)

    workflow.ensure(*RESOURCES)

    assert account.faults.unspent() == []
    with account.uncounted():
        found = account.inventory()
        workflow.ensure(*RESOURCES)
        assert account.inventory() == found
        take_down(workflow)
    assert account.inventory() == {}


@pytest.mark.parametrize(
    "faults", [RESENT_DELETES, RESENT_AND_HIDDEN_DELETES], ids=["not found", "denied"]
)
def test_resent_deletes_are_done(complete, account, faults):
    send_twice(account, faults)

    take_down(complete)

    assert account.faults.unspent() == []
    assert account.inventory() == {}


@pytest.mark.parametrize(
    ("module", "operation", "code", "unseen", "not_found"),
    [
        (
            registry,
            "CreateRepository",
            "RepositoryAlreadyExistsException",
            "DescribeRepositories",
            "RepositoryNotFoundException",
        ),
        (
            keys,
            "PutParameter",
            "ParameterAlreadyExists",
            "ListTagsForResource",
            "InvalidResourceId",
        ),
    ],
)
def test_a_resent_create_that_is_not_visible_yet_is_waited_for(
    workflow, account, module, operation, code, unseen, not_found
):
    with account.uncounted():
        workflow.start()
    account.fault(operation=operation, when="after", error=error(code, "sent twice"))
    account.fault(operation=unseen, error=error(not_found, "not yet"), times=3)

    with pytest.raises(Pending, match="created a moment ago"):
        module.ensure(workflow.clients, workflow.deployment, workflow.ledger)
    workflow.ensure(module)

    assert account.faults.unspent() == []


@pytest.mark.parametrize("operation", ["SetRepositoryPolicy", "PutLifecyclePolicy"])
def test_a_repository_that_is_not_visible_yet_is_waited_for(workflow, account, operation):
    with account.uncounted():
        workflow.start()
    refusal = error("RepositoryNotFoundException", "not yet")
    account.fault(operation=operation, error=refusal)

    with pytest.raises(Pending, match="not visible yet"):
        registry.ensure(workflow.clients, workflow.deployment, workflow.ledger)
    workflow.ensure(registry)

    assert workflow.clients.ecr.get_lifecycle_policy(repositoryName="lamplighter/demo/gateway")


# -- a bucket of another account, under the name that ours would have -----------------------------


@pytest.fixture
def usurped(workflow, account):
    """A stranger took the name, tags it as ours and lets us do everything."""
    account.buckets.plant(BUCKET, owner=STRANGER, region=REGION)
    with account.uncounted():
        workflow.start()
        tags = naming.tags("lamplighter", workflow.deployment, "bucket")
        workflow.clients.s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    return workflow


def test_a_bucket_of_another_account_is_refused_whatever_its_tags_say(usurped, account):
    with pytest.raises(ResourceConflict, match=r"lamplighter-demo-.* another AWS account"):
        usurped.ensure(bucket)

    assert [c.operation for c in account.creating_calls() if c.service == "s3"] == []


def test_a_bucket_of_another_account_holds_no_teardown_up_and_is_not_counted(usurped, account):
    before = account.inventory()

    usurped.destroy(bucket)

    assert usurped.clear(bucket.found) == []
    assert account.inventory() == before


def test_a_bucket_of_ours_that_we_may_not_look_at_is_not_forgotten(complete, account):
    denied = error("AccessDenied", "by a policy", status=403)
    account.fault(operation="GetBucketTagging", error=denied, times=None)

    with pytest.raises(ResourceConflict, match="or a policy denies it"):
        complete.destroy(bucket)


def test_every_call_says_whose_bucket_it_means(complete, account):
    with account.uncounted():
        complete.ledger.forget("bucket")
    complete.ensure(bucket)
    complete.destroy(bucket)

    calls = [c for c in account.calls if c.service == "s3" and c.operation != "ListBuckets"]
    assert {c.parameters.get("ExpectedBucketOwner") for c in calls} == {"123456789012"}


@pytest.mark.parametrize("stored", ["{}", '{"name": "demo", "gpu": [], "dns": {"zone": "Z"}}'])
def test_a_specification_of_another_version_keeps_no_teardown_from_ending(
    complete, account, stored
):
    complete.ledger.record(spec=stored)

    take_down(complete)

    assert account.inventory() == {}


def test_without_rows_the_records_are_found_by_the_stored_specification(complete):
    lose_row(complete)

    complete.destroy(dns)

    assert records(complete) == []
