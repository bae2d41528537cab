"""Least privilege: what a function calls in a deployment's life, beside what its role allows."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from orchestrator import handlers
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.errors import ResourcesLeft
from orchestrator.hosts import probe
from orchestrator.ledger.rows import LOCK
from steps import SPEC, Workflow

CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="id"
)
# Where the permission is not called like the call.
CALLED_OTHERWISE = {
    "dynamodb:TransactWriteItems": {
        *("dynamodb:PutItem", "dynamodb:UpdateItem"),
        *("dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"),
    },
    "s3:ListBuckets": {"s3:ListAllMyBuckets"},
    "s3:ListObjectVersions": {"s3:ListBucketVersions"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:DeleteObjects": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    "s3:PutBucketLifecycleConfiguration": {"s3:PutLifecycleConfiguration"},
    "s3:PutPublicAccessBlock": {"s3:PutBucketPublicAccessBlock"},
    "ecr:CreateRepository": {"ecr:CreateRepository", "ecr:TagResource"},
    "ssm:PutParameter": {"ssm:PutParameter", "ssm:AddTagsToResource"},
    "ec2:RunInstances": {
        *("ec2:RunInstances", "ec2:CreateTags", "iam:PassRole", "iam:CreateServiceLinkedRole"),
    },
}
# What no untroubled life calls, and when it is needed.
RARE = {
    "ec2:ReplaceRoute": "a route that leads elsewhere",
    "ec2:RevokeSecurityGroupIngress": "a rule that is not ours",
    "ec2:AuthorizeSecurityGroupEgress": "a rule that was removed",
    "ec2:RevokeSecurityGroupEgress": "a rule that is not ours",
    "ec2:DisassociateAddress": "an address whose instance is still there",
    "codebuild:StopBuild": "a build that still runs at the teardown",
    "s3:ListAllMyBuckets": "a bucket that refuses us",
    "route53:GetHostedZone": "a zone that is named by its id",
    "ecr:DescribeImages": "an image that was pushed already",
    "states:SendTaskFailure": "a host that failed",
    "ec2:DescribeSpotPriceHistory": "spot",
    "ec2:DescribeCapacityReservations": "a reservation that the specification names",
}


class StepFunctions:
    """Takes the answers to a workflow that waits, and knows of no other."""

    def __init__(self, calls):
        self._calls = calls

    def __getattr__(self, method):
        operation = "".join(word.capitalize() for word in method.split("_"))

        def call(**_):
            self._calls.append(SimpleNamespace(service="stepfunctions", operation=operation))
            return {"status": "ABORTED"}

        return call


class Life:
    """Runs functions by their verbs, and notes what each has called."""

    def __init__(self, workflow):
        self.workflow, self.permissions = workflow, {}
        workflow.clients.__dict__["sfn"] = StepFunctions(workflow.account.calls)

    def call(self, function, verb=None, module=None, **given):
        event = {"name": "demo", "execution": self.workflow.ledger.owner, "verb": verb, **given}
        entry, calls = getattr(handlers, f"{function}_function"), self.workflow.account.calls
        before = len(calls)
        try:
            return self.workflow.run(lambda *_: entry(event, CONTEXT), module)
        finally:
            used = {p for call in calls[before:] for p in needed(call)}
            self.permissions.setdefault(function, set()).update(used)


def needed(call):
    """Return the permissions that IAM asks for at a call."""
    service = {"stepfunctions": "states"}.get(call.service, call.service)
    name = f"{service}:{call.operation}"
    tags = {"ec2:CreateTags"} if "TagSpecifications" in getattr(call, "parameters", {}) else set()
    return CALLED_OTHERWISE.get(name, {name}) | tags


@pytest.fixture
def lived(account, monkeypatch):
    """Function -> what it called, from the plan to the tombstone, with two repairs between."""
    spec = {**SPEC, "network": {"nat": "single"}}
    workflow = Workflow(account, spec)
    for module in ("step", "handlers", "events.host_reports", "events.instance_events"):
        monkeypatch.setattr(f"orchestrator.{module}.aws", lambda: workflow.clients)
    monkeypatch.setattr(probe, "serves", lambda *_: "m")
    monkeypatch.setattr(probe, "ready", lambda *_: None)
    life = Life(workflow)
    workflow.ledger.put(LOCK, {"owner": "arn:aws:states:execution:that-died"})
    life.call("plan", "validate_deployment", spec=spec)
    life.call("lock", "acquire")
    life.call("deployment", "begin", spec=spec)
    names = [module.__name__.rpartition(".")[2] for module in RESOURCES]
    for name, module in zip(names, RESOURCES, strict=True):
        if name == "address":
            serve(life)
        life.call(name, "ensure", module)
    life.call("deployment", "record", probed_from="outside")
    life.call("plan", "plan", spec=spec)
    repair(life, {"force": True}, beside=True)
    event(life, current(life), "stopping")
    workflow.clients.ec2.stop_instances(InstanceIds=[current(life)])
    repair(life, {}, beside=False)
    life.call("instance", "destroy_candidates")
    life.call("deployment", "retire")
    life.call("deployment", "begin_teardown")
    with pytest.raises(ResourcesLeft):
        life.call("inventory", "check")
    for name, module in reversed(list(zip(names, RESOURCES, strict=True))):
        life.call(name, "destroy", module)
    life.call("inventory", "check")
    life.call("deployment", "end_teardown")
    life.call("lock", "release")
    return life.permissions


def serve(life):
    """The workflow waits, the host reports, and then serves; a repeated wait finds it serving."""
    generation = life.workflow.ledger.hosts()[-1].generation
    life.call("serving", "await", generation=generation, task_token="token")
    for phase in ("loading", "serving"):
        report(life, phase, current(life))
    life.call("serving", "await", generation=generation, task_token="token")
    life.call("serving", "promote_host", generation=generation)


def repair(life, request, *, beside):
    """A successor takes over; a predecessor that serves drains, and EC2 tells of its end."""
    opened, lost = life.workflow.ledger.time(), current(life)
    incident = life.call("incident", "check", request=request, opened_at=opened)
    life.call("instance", "replace", generation=incident["generation"])
    serve(life)
    life.call("address", "ensure", beside=beside)
    life.call("dns", "ensure")
    life.call("serving", "drain_predecessors", task_token="token")
    if beside:
        report(life, "draining", lost)
        event(life, lost, "stopping")  # EC2 shows it as running still
        life.workflow.clients.ec2.stop_instances(InstanceIds=[lost])
        event(life, lost, "stopped")
    life.call("instance", "destroy_predecessors")
    life.call("address", "release_addresses")
    life.call("deployment", "record", probed_from="outside")
    life.call("incident", "close", instance_id=lost, opened_at=opened, outcome="repaired")


def report(life, phase, instance_id):
    detail = {"deployment": "demo", "instance_id": instance_id, "phase": phase}
    life.call("host_report", detail=detail)


def event(life, instance_id, state):
    """EC2 tells of an instance."""
    kind = "EC2 Instance State-change Notification"
    detail = {"instance-id": instance_id, "state": state}
    life.call("instance_event", **{"id": "1", "detail-type": kind, "detail": detail})


def current(life):
    return life.workflow.ledger.hosts()[-1].instance_id


def allowed(template, function):
    """Return the actions of a function's role."""
    camel = "".join(word.capitalize() for word in function.split("_"))
    resources = template["Resources"]
    policies = resources[f"{camel}Function"]["Properties"]["Policies"]
    documents = [
        resources[each["!Ref"]]["Properties"]["PolicyDocument"] if "!Ref" in each else each
        for each in policies
    ]
    actions = [statement["Action"] for each in documents for statement in each["Statement"]]
    return {a for each in actions for a in ([each] if isinstance(each, str) else each)}


def problems(roles, lived):
    """Return what a role lacks, and what it has without need; the ledger's go together."""
    lacking = {f"{f} lacks {a}" for f, used in lived.items() for a in used - roles[f]}
    idle = {
        f"{f} does not need {a}"
        for f, actions in roles.items()
        for a in actions - lived[f] - set(RARE)
        if not a.startswith("dynamodb:")
    }
    return lacking | idle


def test_a_role_allows_what_its_function_calls_and_nothing_else(template, lived):
    roles = {function: allowed(template, function) for function in lived}

    assert set(roles) == {
        re.sub("_function$", "", name) for name in vars(handlers) if name.endswith("_function")
    } - {"guard_deletion"}
    assert problems(roles, lived) == set()
    for function, used in lived.items():
        for action in used:
            assert problems({**roles, function: roles[function] - {action}}, lived)
        for action in {a for each in roles.values() for a in each} - roles[function] - set(RARE):
            assert action.startswith("dynamodb:") or problems(
                {**roles, function: roles[function] | {action}}, lived
            )
