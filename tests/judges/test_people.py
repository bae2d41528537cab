"""Judge: botocore's models. What the command calls, beside what the template's two policies for
people allow.
"""

from __future__ import annotations

import ast
from functools import cache

import botocore.session
import pytest
from awssim.clients import ACCOUNT_ID, REGION
from botocore import xform_name
from host_scripts.conftest import blank_host  # makes the agent's programs importable
from iamlab import policies
from iamlab.evaluation import Request, allowed, listed
from template_files import ROOT

__all__ = ["blank_host"]

pytestmark = pytest.mark.judge

COMMAND = ROOT / "cli/lamplighter"
NOT_THE_COMMANDS = {"demo", "installation"}  # `make demo`, and `make deploy` with its own rights
SERVICES = {
    "states": "stepfunctions", "client": "cloudformation", "functions": "lambda",
    "ssm": "ssm", "table": "dynamodb",
}  # fmt: skip
PREFIX = {"stepfunctions": "states"}
MORE = {
    "lambda:Invoke": {"lambda:InvokeFunction"},
    "ssm:PutParameter": {"ssm:PutParameter", "ssm:AddTagsToResource"},
}
CHANGES = {
    "states:StartExecution",
    *("ssm:PutParameter", "ssm:AddTagsToResource", "ssm:DeleteParameter"),
}
SECRETS = {"ssm:GetParameter", "ssm:ListTagsForResource"}
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:parameter/lamplighter"
OURS = {
    "aws:ResourceTag/lamplighter:deployment": "demo",
    "aws:ResourceTag/lamplighter:installation": "lamplighter",
}
THEIRS = {**OURS, "aws:ResourceTag/lamplighter:installation": "other"}


def called() -> set[str]:
    """Return the permissions of every call of AWS in the command's sources."""
    found: set[str] = set()
    for path in COMMAND.rglob("*.py"):
        if path.relative_to(COMMAND).parts[0] not in NOT_THE_COMMANDS:
            nodes = ast.walk(ast.parse(path.read_text()))
            calls = [n for n in nodes if isinstance(n, ast.Call)]
            found |= {f for call in calls for f in permissions(call)}
    return found


def permissions(call: ast.Call) -> set[str]:
    if not isinstance(call.func, ast.Attribute):
        return set()
    on, method = call.func.value, call.func.attr
    on = on.func if isinstance(on, ast.Call) else on
    name = on.attr if isinstance(on, ast.Attribute) else getattr(on, "id", "")
    if method == "get_paginator" and isinstance(call.args[0], ast.Constant):
        method = str(call.args[0].value)
    service = SERVICES.get(name, "")
    operation = operations(service).get(method)
    if operation is None:
        return set()
    action = f"{PREFIX.get(service, service)}:{operation}"
    return MORE.get(action, {action})


@cache
def operations(service: str) -> dict[str, str]:
    if not service:
        return {}
    names = botocore.session.get_session().get_service_model(service).operation_names
    return {xform_name(name): name for name in names}


def actions(policy: str) -> set[str]:
    statements = [each for document in policies.of(policy) for each in document["Statement"]]
    return {action for each in statements for action in listed(each["Action"])}


def test_the_two_policies_allow_what_the_command_calls_and_nothing_else():
    assert actions("ViewerPolicy") | actions("OperatorPolicy") == called()


def test_a_viewer_changes_nothing_and_reads_no_secret():
    assert actions("ViewerPolicy") == called() - CHANGES - SECRETS
    assert actions("OperatorPolicy") == CHANGES | SECRETS | {"lambda:InvokeFunction"}


@pytest.mark.parametrize(
    ("action", "path", "context", "is_allowed"),
    [
        ("ssm:GetParameter", "demo/api-key", {}, True),
        ("ssm:GetParameter", "demo/api-key", OURS, True),
        ("ssm:GetParameter", "demo/api-key", THEIRS, False),
        ("ssm:GetParameter", "demo/tls/certificate", {}, False),
        ("ssm:GetParameter", "demo/hf-token", {}, False),
        ("ssm:PutParameter", "demo/keys/alice", OURS, True),
        ("ssm:PutParameter", "demo/api-key", OURS, True),
        ("ssm:PutParameter", "demo/keys/alice", THEIRS, False),
        ("ssm:PutParameter", "demo/api-key", {}, False),
        ("ssm:PutParameter", "demo/hosts/i-1", OURS, False),
        ("ssm:DeleteParameter", "demo/keys/alice", OURS, True),
        ("ssm:DeleteParameter", "demo/keys/alice", THEIRS, False),
        ("ssm:DeleteParameter", "demo/api-key", OURS, False),
    ],
)
def test_an_operator_reaches_keys_of_its_own_installation(action, path, context, is_allowed):
    request = Request(action, f"{PARAMETER}/{path}", context)

    assert allowed(policies.of("OperatorPolicy"), request) is is_allowed
    assert not allowed(policies.of("ViewerPolicy"), request)


@pytest.mark.parametrize(
    ("stack", "is_allowed"),
    [("lamplighter/*", True), ("lamplighter/8b1a-id", True), ("lamplighter-eu/*", False)],
)
def test_a_viewer_finds_the_installation_by_its_name(stack, is_allowed):
    """CloudFormation asks IAM about `stack/NAME/*` where the caller knows no id:
    https://github.com/aws/aws-parallelcluster/pull/754
    """
    found = f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{stack}"
    request = Request("cloudformation:DescribeStacks", found)

    assert allowed(policies.of("ViewerPolicy"), request) is is_allowed


def test_an_operator_sweeps_pauses_and_sends_a_test_notice_and_a_viewer_plans():
    invoke, functions = "lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function"
    of_operators = [
        function
        for document in policies.of("OperatorPolicy")
        for each in document["Statement"]
        if each["Action"] == invoke
        for function in listed(each["Resource"])
    ]

    names = ("InventoryFunction", "NoticeFunction", "MaintenanceFunction")
    assert sorted(of_operators) == sorted(f"{functions}:{name}" for name in names)
    assert allowed(policies.of("ViewerPolicy"), Request(invoke, f"{functions}:PlanFunction"))
    for function in of_operators:
        assert not allowed(policies.of("ViewerPolicy"), Request(invoke, function))


REQUEST_TAG = {"aws:RequestTag/lamplighter:installation": "lamplighter"}
TAG = {"aws:ResourceTag/lamplighter:installation": "lamplighter"}


@pytest.mark.parametrize(
    ("action", "path", "context", "is_allowed"),
    [
        ("ssm:PutParameter", "lamplighter/webhook", REQUEST_TAG, True),
        ("ssm:AddTagsToResource", "lamplighter/webhook", REQUEST_TAG, True),
        ("ssm:PutParameter", "lamplighter/webhook", TAG, True),
        ("ssm:DeleteParameter", "lamplighter/webhook", TAG, True),
        ("ssm:PutParameter", "lamplighter/webhook", {}, False),
        ("ssm:DeleteParameter", "lamplighter/webhook", {}, False),
        ("ssm:GetParameter", "lamplighter/webhook", TAG, False),
        ("ssm:PutParameter", "other/webhook", REQUEST_TAG, False),
        ("ssm:DeleteParameter", "other/webhook", TAG, False),
        ("ssm:PutParameter", "lamplighter/other", REQUEST_TAG, False),
    ],
)
def test_an_operator_sets_the_webhook_of_its_own_installation_and_cannot_read_it(
    action, path, context, is_allowed
):
    name = f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:parameter/lamplighter-notices/{path}"
    request = Request(action, name, context)

    assert allowed(policies.of("OperatorPolicy"), request) is is_allowed
    assert not allowed(policies.of("ViewerPolicy"), request)


def test_a_viewer_sees_no_workflow_of_a_stack_whose_name_begins_like_ours():
    execution = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:execution"
    ours = Request("states:GetExecutionHistory", f"{execution}:lamplighter-repair:x")
    theirs = Request("states:GetExecutionHistory", f"{execution}:lamplighter-eu-repair:x")

    assert allowed(policies.of("ViewerPolicy"), ours)
    assert not allowed(policies.of("ViewerPolicy"), theirs)


def test_only_an_operator_starts_workflows():
    machine = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:lamplighter-provision"

    assert allowed(policies.of("OperatorPolicy"), Request("states:StartExecution", machine))
    assert not allowed(policies.of("ViewerPolicy"), Request("states:StartExecution", machine))
    elsewhere = Request("states:StartExecution", machine.replace("lamplighter-", "other-"))
    assert not allowed(policies.of("OperatorPolicy"), elsewhere)
