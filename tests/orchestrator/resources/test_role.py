"""The role of a deployment's hosts: exactly what its hosts need, under the boundary."""

from __future__ import annotations

import json

import pytest
from awssim import error
from awssim.furnish import HOST_BOUNDARY
from orchestrator.aws import naming
from orchestrator.creation import visibility
from orchestrator.deployments import lifecycle
from orchestrator.errors import Pending, Refused, ResourceConflict
from orchestrator.launch import host_policy, instances, run_instances
from orchestrator.resources import instance, role
from orchestrator.spec.parsing import parse
from steps import SPEC, Workflow, translated

TRUST = json.dumps(host_policy.trust())


@pytest.fixture
def made(provisioned_before):
    workflow = provisioned_before(role)
    workflow.ensure(role)
    return workflow


@pytest.fixture
def iam(account):
    return account.client("iam")


def name(workflow):
    return role.name_of(workflow.clients, workflow.ledger)


def policy(iam, workflow):
    return iam.get_role_policy(RoleName=name(workflow), PolicyName="host")["PolicyDocument"]


def test_it_has_the_boundary_the_path_and_our_tags(made, iam):
    found = iam.get_role(RoleName=name(made))["Role"]

    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == HOST_BOUNDARY
    assert found["Path"] == "/lamplighter/lamplighter/us-east-1/"
    assert naming.owner(found["Tags"]) == ("lamplighter", "demo")
    assert found["AssumeRolePolicyDocument"] == host_policy.trust()


def test_an_instance_is_launched_with_it(complete):
    found = instances.describe(complete.clients, complete.ledger.serving().instance_id)

    assert found["IamInstanceProfile"]["Arn"].endswith(f"/{name(complete)}")


def test_its_name_fits_where_names_are_longest_and_tells_installations_apart():
    longest = naming.host_role("a" * 128, "n" * 24, "ap-southeast-1")

    assert len(longest) <= 64
    assert longest != naming.host_role("b" * 128, "n" * 24, "ap-southeast-1")
    assert longest != naming.host_role("a" * 128, "n" * 24, "ap-southeast-2")


@pytest.mark.parametrize(
    "drift",
    [
        lambda iam, name: iam.put_role_policy(
            RoleName=name, PolicyName="host", PolicyDocument=wide()
        ),
        lambda iam, name: iam.delete_role_policy(RoleName=name, PolicyName="host"),
        lambda iam, name: iam.delete_role_permissions_boundary(RoleName=name),
        lambda iam, name: iam.update_assume_role_policy(
            RoleName=name, PolicyDocument=TRUST.replace("ec2.", "lambda.")
        ),
        lambda iam, name: iam.remove_role_from_instance_profile(
            InstanceProfileName=name, RoleName=name
        ),
        lambda iam, name: swap(iam, name),
    ],
    ids=["policy", "no policy", "boundary", "trust", "empty profile", "another role"],
)
def test_drift_is_mended(made, iam, account, drift):
    before = policy(iam, made)
    with account.uncounted():
        drift(iam, name(made))

    assert [each.action for each in made.run(role.plan)] == ["keep", "keep", "change"]
    made.ensure(role)
    assert [each.action for each in made.run(role.plan)] == ["keep", "keep"]

    found = iam.get_role(RoleName=name(made))["Role"]
    [held] = iam.get_instance_profile(InstanceProfileName=name(made))["InstanceProfile"]["Roles"]
    assert policy(iam, made) == before
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == HOST_BOUNDARY
    assert found["AssumeRolePolicyDocument"] == host_policy.trust()
    assert held["RoleName"] == name(made)


def test_policies_that_others_gave_it_are_reported_and_left(made, iam, account):
    with account.uncounted():
        iam.attach_role_policy(RoleName=name(made), PolicyArn=HOST_BOUNDARY)
        iam.put_role_policy(RoleName=name(made), PolicyName="more", PolicyDocument=wide())
    before = account.inventory()

    found = made.run(role.plan)[-1]
    made.ensure(role)

    assert (found.action, HOST_BOUNDARY in found.what) == ("report", True)
    assert "more" in found.what
    assert account.inventory() == before


def wide():
    statement = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def swap(iam, name):
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="other")


def test_policies_that_others_attached_go_with_it(made, iam, account):
    with account.uncounted():
        iam.attach_role_policy(RoleName=name(made), PolicyArn=HOST_BOUNDARY)
        iam.put_role_policy(RoleName=name(made), PolicyName="more", PolicyDocument=wide())

    made.destroy(role)

    assert "roles" not in account.inventory()


@pytest.mark.parametrize("kind", ["role", "instance profile"])
def test_a_foreign_one_is_refused_and_survives(provisioned_before, iam, account, kind):
    workflow = provisioned_before(role)
    with account.uncounted():
        if kind == "role":
            iam.create_role(RoleName=name(workflow), AssumeRolePolicyDocument=TRUST)
        else:
            iam.create_instance_profile(InstanceProfileName=name(workflow))
    there = account.inventory()

    with pytest.raises(ResourceConflict, match="not ours"):
        role.must_be_free(workflow.clients, workflow.ledger)
    with pytest.raises(ResourceConflict, match="not ours"):
        workflow.ensure(role)
    workflow.destroy(role)

    assert account.inventory() == there


def test_one_that_lost_its_tags_is_reported_and_not_touched(made, iam, account):
    with account.uncounted():
        iam.untag_role(RoleName=name(made), TagKeys=[naming.OWNER, naming.INSTALLATION])
    calls = account.creating_calls()

    with pytest.raises(ResourceConflict, match="has lost its tags"):
        made.ensure(role)

    assert account.creating_calls() == calls
    assert role.found(made.clients, made.ledger)


def test_the_neighbours_stays(made, neighbour, account):
    theirs = role.found(neighbour.clients, neighbour.ledger)

    made.destroy(role)

    assert len(theirs) == 2
    assert role.found(neighbour.clients, neighbour.ledger) == theirs


def test_a_launch_waits_for_a_profile_that_ec2_does_not_know_yet(complete, account):
    complete.account.client("ec2").terminate_instances(
        InstanceIds=[complete.ledger.serving().instance_id]
    )
    complete.ensure(role)
    text = (
        "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile"
    )
    account.fault(operation="RunInstances", error=error("InvalidParameterValue", text), times=None)

    complete.ledger.ready("role", changed_at=complete.ledger.time())
    with pytest.raises(Pending), visibility.translated(complete.ledger):
        instance.ensure(complete.clients, complete.deployment, complete.ledger)
    account.clock.advance(3600)
    with (
        pytest.raises(Refused, match="`up` makes what is missing"),
        visibility.translated(complete.ledger),
    ):
        instance.ensure(complete.clients, complete.deployment, complete.ledger)


def test_a_resent_creation_that_meets_its_own_success_is_success(provisioned_before, account):
    for operation in ("CreateRole", "CreateInstanceProfile", "AddRoleToInstanceProfile"):
        workflow = provisioned_before(role)
        lost = error("ServiceFailure", status=500)
        account.fault(operation=operation, when="after", error=lost)

        workflow_ensured(workflow)

        assert len(role.found(workflow.clients, workflow.ledger)) == 2, operation


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("RemoveRoleFromInstanceProfile", "NoSuchEntity"),
        ("DeleteRolePolicy", "NoSuchEntity"),
        ("DetachRolePolicy", "NoSuchEntity"),
        # IAM, which looks for the tags first, denies the deletion of what is gone
        ("DeleteInstanceProfile", "AccessDenied"),
        ("DeleteRole", "AccessDenied"),
    ],
)
def test_a_resent_deletion_that_meets_its_own_success_is_success(
    made, iam, account, operation, code
):
    with account.uncounted():
        iam.attach_role_policy(RoleName=name(made), PolicyArn=HOST_BOUNDARY)
    account.clock.advance(3600)
    account.fault(operation=operation, when="after", error=error(code, status=403))

    made.destroy(role)

    assert role.found(made.clients, made.ledger) == []


def test_a_denied_deletion_of_a_role_that_is_there_is_refused(made, account):
    account.clock.advance(3600)
    account.fault(operation="DeleteRole", error=error("AccessDenied", "not allowed", status=403))

    with pytest.raises(Refused, match="not allowed"):
        made.destroy(role)


def workflow_ensured(workflow):
    try:
        with translated():
            role.ensure(workflow.clients, workflow.deployment, workflow.ledger)
    except Pending:
        workflow.ensure(role)


def test_scripts_of_the_previous_version_get_the_role_that_they_know(complete):
    ours = run_instances.request(complete.clients, complete.deployment, complete.ledger)
    complete.ledger.update("resource#scripts", {"profile": None, "prefix": "scripts/x"})
    earlier = run_instances.request(complete.clients, complete.deployment, complete.ledger)

    assert ours["IamInstanceProfile"] == {"Name": name(complete)}
    assert earlier["IamInstanceProfile"] == {"Name": complete.clients.settings.earlier_profile}


def test_an_engines_image_of_this_account_may_be_pulled_and_a_token_read(account):
    registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
    engine = {
        "image": f"{registry}/lamplighter/vllm:1",
        "hf_token_parameter": "/inference/hf-token",
    }
    workflow = Workflow(account, {**SPEC, "engine": engine})

    found = host_policy.document(workflow.clients.settings, workflow.deployment, None)

    text = json.dumps(found)
    assert ":repository/lamplighter/vllm" in text
    assert ":parameter/inference/hf-token" in text
    assert "route53" not in text


NEXT = {
    **SPEC,
    "certificate": {"challenge": "self-signed"},
    "engine": {"hf_token_parameter": "/inference/new-token"},
}


def changing(workflow):
    """Let this workflow change what serves; it proves its name no more, and reads a token."""
    workflow.ledger.record(served_at="2026-05-01T12:00:00+00:00")
    workflow.deployment = parse(NEXT)
    lifecycle.begin(workflow.deployment, workflow.ledger)


def test_while_a_change_is_made_the_role_has_what_both_hosts_need(complete, iam):
    before = policy(iam, complete)
    changing(complete)

    complete.ensure(role)

    both = policy(iam, complete)
    sids = [each["Sid"] for each in both["Statement"]]
    assert "ProvesItsName2" in sids
    assert len(set(sids)) == len(sids)
    assert "/inference/new-token" in json.dumps(both)

    complete.ledger.forget_change()
    complete.deployment = parse(SPEC)
    complete.run(role.narrow, role)

    assert policy(iam, complete) == before


def test_after_the_change_the_role_has_what_its_host_needs(complete, iam):
    changing(complete)
    complete.ensure(role)
    complete.ledger.adopt_change(2)

    complete.run(role.narrow, role)

    only = json.dumps(policy(iam, complete))
    assert "/inference/new-token" in only
    assert "ProvesItsName" not in only


def test_without_a_change_nothing_is_narrowed(complete, account):
    complete.run(role.narrow, role)

    assert [call for call in account.calls if call.service == "iam"] == []
