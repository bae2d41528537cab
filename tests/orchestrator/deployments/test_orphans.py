"""`lamplighter sweep` lists what dead deployments of this installation left, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from awssim.furnish import create_ledger
from orchestrator.aws import naming
from orchestrator.deployments import lifecycle
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.deployments.orphans import orphans
from orchestrator.errors import Superseded
from orchestrator.ledger.rows import LOCK
from orchestrator.resources import alarms, role
from orchestrator.schedules import schedule
from steps import SPEC, Workflow, ledger_of

LEFT = {
    *("vpc", "internet-gateway", "subnet", "route-table", "security-group", "ECR", "S3", "SSM"),
    *("instance", "vpc-elastic-ip", "A", "TXT", "IAM", "CloudWatch", "EventBridge", "ACM"),
}


def swept(workflow):
    clients = workflow.clients
    return orphans(clients, lambda name: ledger_of(clients, name, workflow.account.clock.now))


def lose_the_ledger(workflow):
    for row in list(workflow.ledger.rows()):
        if row["sk"] != LOCK:
            workflow.ledger.erase(row["sk"])
    workflow.ledger.discard(LOCK, "owner", workflow.ledger.owner)


def test_a_live_deployment_and_a_failed_one_leave_no_orphans(complete, neighbour):
    neighbour.ledger.record(status="failed")

    assert swept(complete) == []


def test_a_deployment_that_the_ledger_lost_is_listed_with_every_kind(complete, account):
    lose_the_ledger(complete)

    [found] = swept(complete)

    assert (found["name"], found["why"]) == ("demo", "the ledger has no row of it")
    kinds = {line.split()[0] for line in found["resources"]}
    assert kinds == LEFT | {"volume"} & kinds
    assert len(found["resources"]) == len(set(found["resources"]))


def test_what_a_teardown_left_is_listed_once_it_is_no_news(complete, account):
    complete.teardown()
    complete.ledger.record(status="absent")
    complete.ledger.discard(LOCK, "owner", complete.ledger.owner)
    ec2 = account.client("ec2")
    tags = naming.tags("lamplighter", complete.deployment, "vpc")
    vpc = ec2.create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
    )["Vpc"]["VpcId"]
    assert swept(complete) == []  # AWS may still show what went a moment ago

    account.clock.advance(3600)

    assert swept(complete) == [
        {"name": "demo", "why": "it was torn down", "resources": [f"vpc {vpc}"]}
    ]


def test_a_role_is_found_where_nothing_else_was_left(complete):
    complete.destroy(*(each for each in reversed(RESOURCES) if each is not role))
    lose_the_ledger(complete)

    [found] = swept(complete)

    assert {line.rpartition(" ")[0] for line in found["resources"]} == {
        *("IAM role", "IAM instance profile")
    }


def test_alarms_are_found_where_nothing_else_was_left(complete):
    complete.destroy(*(each for each in reversed(RESOURCES) if each is not alarms))
    lose_the_ledger(complete)

    [found] = swept(complete)

    assert {line.rpartition(" ")[0] for line in found["resources"]} == {"CloudWatch alarm"}


def test_schedules_are_found_where_nothing_else_was_left(complete):
    complete.destroy(*(each for each in reversed(RESOURCES) if each is not schedule))
    lose_the_ledger(complete)

    assert swept(complete) == [
        {
            "name": "demo",
            "why": "the ledger has no row of it",
            "resources": [
                "EventBridge schedule demo.start-0800",
                "EventBridge schedule demo.stop-2000",
            ],
        }
    ]


def test_what_was_torn_down_without_a_trace_costs_no_call(complete, account):
    """The ledger keeps the names of all that there ever was."""
    lengths = []
    for number in range(2):
        before = len(account.calls)
        swept(complete)
        lengths.append(len(account.calls) - before)
        gone = ledger_of(complete.clients, f"gone-{number}", account.clock.now)
        gone.put(LOCK, {"owner": gone.owner})
        gone.record(status="absent", desired="absent")
        gone.discard(LOCK, "owner", gone.owner)
        account.clock.advance(3600)

    assert lengths[0] == lengths[1]


def test_what_a_running_workflow_has_in_hand_is_no_orphan(complete):
    for row in list(complete.ledger.rows()):
        if row["sk"] != LOCK:
            complete.ledger.erase(row["sk"])
    running = SimpleNamespace(describe_execution=lambda **_: {"status": "RUNNING"})
    complete.clients.__dict__["sfn"] = running

    assert swept(complete) == []


@pytest.fixture
def strangers(account):
    """Another installation's deployment, whose ledger is not ours, and things without our tags."""
    with account.uncounted():
        create_ledger(account, "second-ledger")
        other = Workflow(account, {**SPEC, "name": "theirs"}, "second")
        other.start()
        other.ensure(*RESOURCES[:3])
        ec2, s3, ssm = (account.client(each) for each in ("ec2", "s3", "ssm"))
        ec2.create_vpc(CidrBlock="10.7.0.0/16")
        s3.create_bucket(Bucket=naming.bucket("planted", "123456789012", "us-east-1"))
        ssm.put_parameter(Name="/lamplighter/planted/api-key", Type="String", Value="x")
        account.client("ecr").create_repository(repositoryName="lamplighter/planted/gateway")
    return account.inventory()


def test_sweeping_touches_neither_other_installations_nor_what_has_no_tags(
    strangers, workflow, account
):
    workflow.provision()
    lose_the_ledger(workflow)
    assert [each["name"] for each in swept(workflow)] == ["demo"]

    workflow.ledger.put(LOCK, {"owner": workflow.ledger.owner})
    lifecycle.retire(workflow.ledger, force=True)
    workflow.teardown()
    lifecycle.end_teardown(workflow.ledger)

    assert account.inventory() == strangers
    account.clock.advance(3600)
    assert swept(workflow) == []


def test_a_deployment_that_was_provisioned_after_it_was_listed_is_not_swept(complete, account):
    complete.teardown()
    lifecycle.end_teardown(complete.ledger)
    lifecycle.retire(complete.ledger, force=True, swept=True)  # it is not wanted yet
    complete.provision()
    before = account.inventory()

    with pytest.raises(Superseded, match="wanted again"):
        lifecycle.retire(complete.ledger, force=True, swept=True)

    assert complete.ledger.deployment().desired == "present"
    assert account.inventory() == before
