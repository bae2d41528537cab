"""A workflow is killed, its Lambda with it, right after AWS did something; started again, it ends
as if nothing had happened: no duplicate, no orphan, counted in the account.
"""

from __future__ import annotations

import re

import pytest
from patience import eventually
from twin import control as twins

from workflow.conftest import SPEC, settle

pytestmark = pytest.mark.twin


@pytest.fixture(scope="module")
def complete(installed):
    """The kinds of things, and how many, that one undisturbed deployment is made of."""
    settle(installed)
    installed.up(**SPEC)
    return kinds(installed)


@pytest.mark.parametrize(
    "call", ["ec2.RunInstances", "ec2.AssociateAddress", "ec2.TerminateInstances"]
)
def test_a_killed_repair_continues(complete, live, call):
    aws, _ = live

    assert killed(aws, call, "repair", {"name": "alpha", "force": True})
    again = aws.run("repair", {"name": "alpha", "force": True})
    aws.quiet()

    assert again["output"]["outcome"] == "repaired", (again.get("error"), again.get("cause"))
    assert kinds(aws) == complete
    assert aws.instances("alpha") == [again["output"]["instance_id"]]
    assert "stub engine" in aws.ask("alpha")


def test_the_stack_cannot_be_deleted_under_a_live_deployment(live):
    aws, _ = live
    before = aws.repairs("alpha")
    stacks = aws.client("cloudformation")

    stacks.delete_stack(StackName=aws.twin.stack)
    status = eventually(
        lambda: stacks.describe_stacks(StackName=aws.twin.stack)["Stacks"][0]["StackStatus"],
        lambda found: found.startswith("DELETE_") and found != "DELETE_IN_PROGRESS",
        60,
    )

    assert status == "DELETE_FAILED"
    assert "stub engine" in aws.ask("alpha")
    twins.break_(aws.twin.state, "terminate", "alpha")
    eventually(lambda: aws.repairs("alpha"), lambda found: len(found) > len(before), 60)


@pytest.mark.parametrize(
    ("provisioning", "teardown"),
    [
        ("ec2.CreateVpc", "ec2.DeleteVpc"),
        ("ec2.RunInstances", "ec2.TerminateInstances"),
        ("route53.ChangeResourceRecordSets", "route53.ChangeResourceRecordSets"),
    ],
)
def test_a_killed_provision_and_a_killed_teardown_continue(complete, aws, provisioning, teardown):
    assert killed(aws, provisioning, "provision", SPEC)
    output = aws.up(**SPEC)
    assert kinds(aws) == complete
    assert aws.instances("alpha") == [output["instance_id"]]
    assert "stub engine" in aws.ask("alpha")

    assert killed(aws, teardown, "teardown", {"name": "alpha"})
    aws.down("alpha")
    assert aws.inventory() == []


def test_a_provision_killed_and_never_continued_leaves_nothing_after_a_teardown(aws):
    aws.fault("ec2.AllocateAddress", when="after", do="kill")

    aws.run("provision", SPEC)
    aws.down("alpha")

    assert aws.inventory() == []


def test_a_dead_workflow_keeps_nobody_waiting_for_long(aws):
    execution = aws.start("provision", SPEC)
    eventually(lambda: aws.rows("alpha"), bool, 30)
    aws.client("stepfunctions").stop_execution(executionArn=execution)

    aws.up(**SPEC)

    assert aws.deployment("alpha")["status"] == "serving"


def killed(aws, call, verb, document):
    """Whether the workflow was killed right after this call."""
    aws.fault(call, when="after", do="kill")
    return aws.run(verb, document)["status"] == "ABORTED" and aws.struck()


def kinds(aws):
    counted = [re.sub(r"\s.*", "", line) for line in aws.inventory()]
    return {kind: counted.count(kind) for kind in counted}
