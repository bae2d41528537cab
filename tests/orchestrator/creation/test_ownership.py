"""Two installations in one account and region, and a deployment of the same name in both."""

from __future__ import annotations

import pytest
from awssim.furnish import create_ledger
from orchestrator.aws import naming
from orchestrator.creation import ownership
from orchestrator.deployments import inventory, lifecycle, planning
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.errors import ResourceConflict
from orchestrator.ledger.rows import DEPLOYMENT, Role
from orchestrator.repair import triggers
from steps import SPEC, Workflow

ELSEWHERE = {"domain": "example.com", "subdomain": "second"}
TAGGED = [m for m in RESOURCES if m.__name__.rsplit(".", 1)[-1] not in {"image", "scripts"}]
ONE_BY_ONE = [pytest.param(module, id=module.__name__.rsplit(".", 1)[-1]) for module in TAGGED]
# The names of these have the installation, or its own group has them; or they are the endpoint's.
OF_ITS_OWN = {"role", "alarms", "schedule", "own_name"}
NAMED_ALIKE = [each for each in ONE_BY_ONE if each.id not in OF_ITS_OWN]


@pytest.fixture
def first(complete):
    """The deployment as the first installation made it, whole."""
    return complete


@pytest.fixture
def second(account):
    """The same deployment name in another installation, which has nothing yet. After `first`."""
    with account.uncounted():
        create_ledger(account, "second-ledger")
        account.client("scheduler").create_schedule_group(Name="second-schedules")
    return Workflow(account, {**SPEC, "dns": ELSEWHERE}, installation="second")


def state(account):
    """Everything in the account with its tags and contents."""
    ec2, ssm = account.client("ec2"), account.client("ssm")
    with account.uncounted():
        tags = ec2.describe_tags()["Tags"]
        parameters = ssm.get_parameters_by_path(Path="/lamplighter", Recursive=True)["Parameters"]
        return (
            account.inventory(),
            sorted((t["ResourceId"], t["Key"], t["Value"]) for t in tags),
            [(p["Name"], p["Value"], p["Version"]) for p in parameters],
        )


def refusal(workflow):
    """What `up` refuses with, which `plan` shows alike."""
    with pytest.raises(ResourceConflict) as refused:
        lifecycle.validate(workflow.clients, workflow.deployment, workflow.ledger)
    planned = planning.plan(workflow.clients, workflow.deployment, workflow.ledger)
    [check] = [each for each in planned["checks"] if each["name"] == "ownership"]
    assert check["result"] == "fail"
    assert f"{check['found']}; {check['remedy']}" == str(refused.value)
    return str(refused.value)


def test_a_name_in_use_by_another_installation_is_refused_before_anything_exists(
    first, second, account
):
    before = state(account)

    refused = refusal(second)

    assert "belongs to the deployment 'demo' of the installation 'lamplighter'" in refused
    assert "another name" in refused
    assert "lamplighter --stack lamplighter down demo" in refused
    assert state(account) == before
    assert second.ledger.read(DEPLOYMENT) is None


@pytest.mark.parametrize("left", ["repository", "bucket", "api-key", "keys", "alarm"])
def test_what_has_no_ec2_tag_is_found_by_its_name(second, account, left):
    """The first installation lost its network by hand: its named resources hold the name still."""
    ours = naming.tags("lamplighter", second.deployment, "x")
    names = {"api-key": "/lamplighter/demo/api-key", "keys": "/lamplighter/demo/keys/default"}
    with account.uncounted():
        if left == "repository":
            second.clients.ecr.create_repository(
                repositoryName="lamplighter/demo/gateway", tags=ours
            )
        elif left == "bucket":
            bucket = naming.bucket("demo", "123456789012", "us-east-1")
            second.clients.s3.create_bucket(Bucket=bucket)
            second.clients.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": ours})
        elif left == "alarm":
            put_alarm(second.clients, naming.alarm("second", "demo", "disk"), Tags=ours)
        else:
            second.clients.ssm.put_parameter(Name=names[left], Value="x", Type="String", Tags=ours)

    with pytest.raises(ResourceConflict, match="of the installation 'lamplighter'"):
        lifecycle.validate(second.clients, second.deployment, second.ledger)


def put_alarm(clients, name, **more):
    clients.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        **more,
    )


def test_a_dns_name_of_another_installation_is_refused_although_the_deployment_is_named_otherwise(
    first, second, account
):
    spec = {**SPEC, "name": "other"}
    other = Workflow(account, spec, installation="second")
    before = state(account)

    with pytest.raises(ResourceConflict, match=r"infer.example.com .* another dns.subdomain"):
        lifecycle.validate(other.clients, other.deployment, other.ledger)

    assert state(account) == before


@pytest.mark.parametrize("module", NAMED_ALIKE)
def test_ensure_refuses_what_another_installation_has(first, second, account, module):
    with account.uncounted():
        second.start()
        second.ledger.record(address="192.0.2.9")
        second.ledger.set_host(1, role=Role.SERVING, instance_id="i-1")
        same_host = Workflow(account, SPEC, installation="second")
    before = state(account)

    with pytest.raises(ResourceConflict, match="installation 'lamplighter'"):
        same_host.ensure(module)

    assert state(account) == before


def test_a_teardown_of_the_same_name_leaves_the_other_installation_whole(first, second, account):
    with account.uncounted():
        second.start()
    before = state(account)

    second.teardown()

    assert second.clear(inventory.check) == {"left": 0}
    assert state(account) == before


def test_a_ledger_that_names_anothers_resources_does_not_delete_them(first, second, account):
    """Without installation tags, a second one would adopt and write down what it finds."""
    with account.uncounted():
        second.start()
        for row in first.ledger.rows():
            if row["sk"].startswith("resource#"):
                facts = {k: v for k, v in row.items() if k not in {"pk", "sk"}}
                second.ledger.write(row["sk"], facts)
    before = state(account)

    second.teardown()

    assert state(account) == before


def test_two_deployments_of_other_names_live_side_by_side(first, second, account):
    other = Workflow(account, {**SPEC, "name": "other", "dns": ELSEWHERE}, installation="second")
    before = account.inventory()
    other.provision()

    other.teardown()

    assert other.clear(inventory.check) == {"left": 0}
    assert account.inventory() == before


def test_every_resource_of_ec2_carries_its_installation_and_is_named_after_it(first, account):
    tags = account.client("ec2").describe_tags()["Tags"]
    owned = {t["ResourceId"] for t in tags if t["Key"] == naming.OWNER}

    by_key = {
        key: {t["ResourceId"]: t["Value"] for t in tags if t["Key"] == key}
        for key in (naming.INSTALLATION, "Name")
    }
    assert {by_key[naming.INSTALLATION][i] for i in owned} == {"lamplighter"}
    assert all(by_key["Name"][i].startswith("lamplighter-demo-") for i in owned)


def test_no_two_installations_ask_with_the_same_client_token():
    asked = ("demo", 1, "instance-1", "2026-11-27T12:00:00+00:00")

    assert naming.token("lamplighter", *asked) != naming.token("second", *asked)


@pytest.mark.parametrize(("installation", "found"), [("lamplighter", "demo"), ("second", None)])
def test_an_event_about_another_installations_instance_is_not_ours(
    first, second, installation, found
):
    clients = {"lamplighter": first, "second": second}[installation].clients
    lost = triggers.Trigger("stopped", str(first.ledger.hosts()[-1].instance_id))

    assert triggers.deployment_of(clients, lost) == found


def test_a_conflict_with_what_carries_no_tag_says_that_another_installation_may_be_making_it(
    second,
):
    refusal = ownership.conflict(second.ledger, "the bucket 'x'", [])

    assert "or another installation is making it: look again in a minute" in str(refusal)


# -- of an earlier version: the deployment's tag alone -------------------------------------------


def forget_installation(workflow):
    """Make everything look as an earlier version left it."""
    c, name = workflow.clients, naming.INSTALLATION
    tagged = c.ec2.describe_tags(Filters=[{"Name": "key", "Values": [name]}])["Tags"]
    c.ec2.delete_tags(Resources=[t["ResourceId"] for t in tagged], Tags=[{"Key": name}])
    [found] = c.ecr.describe_repositories()["repositories"]
    c.ecr.untag_resource(resourceArn=found["repositoryArn"], tagKeys=[name])
    bucket = naming.bucket("demo", "123456789012", "us-east-1")
    tags = c.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    kept = [t for t in tags if t["Key"] != name]
    c.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": kept})
    for parameter in c.ssm.get_parameters_by_path(Path="/lamplighter", Recursive=True)[
        "Parameters"
    ]:
        c.ssm.remove_tags_from_resource(
            ResourceType="Parameter", ResourceId=parameter["Name"], TagKeys=[name]
        )
    [zone] = c.route53.list_hosted_zones()["HostedZones"]
    record = {
        "Name": naming.ownership_record("infer.example.com"),
        "Type": "TXT",
        "TTL": 60,
        "ResourceRecords": [{"Value": f'"{naming.OWNER}=demo"'}],
    }
    c.route53.change_resource_record_sets(
        HostedZoneId=zone["Id"],
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
    )
    workflow.ledger.update("resource#dns", {"state": "ready", "address": None})


@pytest.fixture
def earlier(first):
    with first.account.uncounted():
        forget_installation(first)
    return first


def test_what_an_earlier_version_made_is_ours_if_the_ledger_names_it(earlier, account):
    before = account.inventory()

    lifecycle.validate(earlier.clients, earlier.deployment, earlier.ledger)
    earlier.provision()

    assert account.inventory() == before


def test_a_plan_of_what_an_earlier_version_made_needs_no_more_than_an_observer_may(
    earlier, account, template
):
    before = len(account.calls)

    planning.plan(earlier.clients, earlier.deployment, earlier.ledger)

    [statement] = template["Resources"]["ObserverPolicy"]["Properties"]["PolicyDocument"][
        "Statement"
    ]
    asked = {c.operation for c in account.calls[before:] if c.service == "dynamodb"}
    assert {f"dynamodb:{operation}" for operation in asked} == set(statement["Action"])


def test_a_teardown_deletes_what_an_earlier_version_made(earlier, account):
    earlier.teardown()

    assert earlier.clear(inventory.check) == {"left": 0}
    assert account.inventory() == {}


def test_what_an_earlier_version_made_and_the_ledger_does_not_name_is_refused_and_kept(
    earlier, second, account
):
    with pytest.raises(
        ResourceConflict, match="of an earlier version, and the ledger of the insta"
    ):
        lifecycle.validate(second.clients, second.deployment, second.ledger)
    with account.uncounted():
        second.start()
    before = state(account)

    second.teardown()

    assert state(account) == before
