"""Judges: CloudFormation's expansion of the template, cfn-lint's list of stateful types, and the
permissions: what AWS would do to the stack as a whole, which no linter looks at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource
from judges.expansion import Template, changed, closure, expand, expanded
from judges.test_iam import statements
from orchestrator.aws.translation import translate
from template_files import ROOT, WORKFLOWS, called, function_of, lambda_tasks

pytestmark = pytest.mark.judge

STATEFUL = set(load_resource(AdditionalSpecs, "StatefulResources.json")["ResourceTypes"])
# Nothing in them is needed once no deployment is live; the template says why each.
EXPENDABLE = {"AWS::Logs::LogGroup", "AWS::SQS::Queue"}
_REMOVES = ("destroy", "withdraw")  # how verbs begin that launch and build nothing
# What AWS answers when there is no capacity, and when a quota is reached.
REFUSALS = {
    "ec2:RunInstances": ["InsufficientInstanceCapacity", "VcpuLimitExceeded"],
    "codebuild:StartBuild": ["AccountLimitExceededException"],
}


def outside_the_guard(resources: Template) -> set[str]:
    """Return what CloudFormation would delete although the guard refuses the deletion."""
    return set(resources) - closure(resources, "DeletionGuard")


def fixed_global_names(resources: Template) -> Iterator[str]:
    """Yield names that a second region's stack could not take: IAM's and S3's have no region."""
    for logical, resource in resources.items():
        for key, value in resource["Properties"].items():
            named = re.fullmatch(r"(Role|User|Group|InstanceProfile|ManagedPolicy|Bucket)Name", key)
            if named and "AWS::Region" not in str(value) and is_global(resource["Type"]):
                yield f"{logical}: {key}"


def is_global(kind: str) -> bool:
    return kind.startswith(("AWS::IAM::", "AWS::S3::"))


def unkept(resources: Template) -> Iterator[str]:
    """Yield stateful resources without a fitting policy for the day when the stack goes."""
    for logical, resource in resources.items():
        if resource["Type"] in STATEFUL:
            policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
            expendable = resource["Type"] in EXPENDABLE and policies == ("Delete", "Delete")
            if policies != ("RetainExceptOnCreate", "Retain") and not expendable:
                yield f"{logical}: {policies}"


def literal_partitions(texts: dict[str, str]) -> Iterator[str]:
    """Yield ARNs and hosts of AWS's commercial partition; `ec2.amazonaws.com` is a principal."""
    host = re.compile(
        r"arn:aws:|(?!ops\.apigateway\.)\b[\w*{}$:.-]+\.[\w*{}$:-]+\.amazonaws\.com(?!\*)"
    )
    for name, content in texts.items():
        for number, line in enumerate(content.splitlines(), 1):
            yield from (f"{name}:{number}: {found}" for found in host.findall(line))


def ours() -> dict[str, str]:
    """Return what runs in an account, by its path."""
    folders = ["statemachine", "functions", "host_scripts"]
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if is_text(path)]
    return {str(path.relative_to(ROOT)): path.read_text() for path in found} | {
        "template.yaml": (ROOT / "template.yaml").read_text()
    }


def is_text(path: Path) -> bool:
    return path.is_file() and path.suffix in {".py", ".yaml", ".sh", ".j2", ".service", ".json"}


def undeclared(resources: Template, tasks: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield states that launch or build and do not say what happens on one of these refusals.

    Which they are is read off the permissions, and off the verb: what removes neither launches nor
    builds. What an error is called is read off `error_codes`.
    """
    for statement in statements(resources):
        function = statement.who.removesuffix("FunctionRole")
        for call in sorted(set(statement.actions) & set(REFUSALS)):
            for name, task in sorted(tasks.items()):
                if function_of(task) != function or called(task)[1].startswith(_REMOVES):
                    continue
                rules = [*task.get("Retry", []), *task.get("Catch", [])]
                decided = {error for rule in rules for error in rule["ErrorEquals"]}
                for error in REFUSALS[call]:
                    if named(error) not in decided:
                        yield f"{name}: {call} may end with {error}, here {named(error)}"


def named(error: str) -> str:
    """Return what a step calls an error of AWS."""
    message = "Cannot have more than 0 builds in queue for the account"
    answer = {"Error": {"Code": error, "Message": message}}
    return type(translate(ClientError(answer, "Any"))).__name__


def every_task() -> dict[str, dict[str, Any]]:
    """Return each state that calls a function; what launches or builds is in one workflow only."""
    return {name: task for w in WORKFLOWS for name, task in lambda_tasks(w).items()}


def test_nothing_is_deleted_before_the_guard_has_agreed():
    assert outside_the_guard(expanded()) == set()


def test_no_name_is_taken_in_every_region():
    assert list(fixed_global_names(expanded())) == []


def test_what_holds_data_says_what_becomes_of_it():
    assert list(unkept(expanded())) == []


def test_every_partition_of_aws_is_served():
    assert list(literal_partitions(ours())) == []


def test_every_launch_and_build_decides_upon_capacity_and_quota():
    assert {s.who for s in statements(expanded()) if set(s.actions) & set(REFUSALS)} == {
        "InstanceFunctionRole", "ImageFunctionRole"
    }  # fmt: skip
    assert list(undeclared(expanded(), every_task())) == []


@pytest.mark.parametrize(
    "extra",
    [
        {"Type": "AWS::SQS::Queue"},
        {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": {
            "FunctionName": {"Ref": "HostReportFunction"}, "Qualifier": "1"}},
        {"Type": "AWS::Serverless::Function", "Properties": {
            "Handler": "a.b", "CodeUri": "s3://bucket/x"}},
    ],
    ids=["on its own", "depends on what is inside", "a step of no workflow"],
)  # fmt: skip
def test_what_the_guard_does_not_cover_is_refused(extra):
    template = changed()
    template["Resources"]["Extra"] = extra

    assert "Extra" in outside_the_guard(expand(template))


def test_what_sam_generates_is_covered_too():
    template = changed()
    del template["Resources"]["DeletionGuard"]["DependsOn"]

    outside = outside_the_guard(expand(template))

    assert "HostReportFunctionEventInvokeConfig" in outside
    assert "ProvisionStateMachineRole" in outside


@pytest.mark.parametrize(
    ("kind", "key"),
    [("AWS::IAM::InstanceProfile", "InstanceProfileName"), ("AWS::IAM::Role", "RoleName"),
     ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"), ("AWS::S3::Bucket", "BucketName")],
)  # fmt: skip
def test_a_name_without_region_is_refused(kind, key):
    fixed = {"Fn::Sub": "${AWS::StackName}-x"}
    regional = {"Fn::Sub": "${AWS::StackName}-${AWS::Region}-x"}

    def named_so(name: Any) -> Template:
        return {"X": {"Type": kind, "Properties": {key: name}}}

    assert list(fixed_global_names(named_so(fixed))) == [f"X: {key}"]
    assert list(fixed_global_names(named_so(regional))) == []


@pytest.mark.parametrize(
    ("name", "policies"),
    [
        ("Ledger", {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}),
        ("Ledger", {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}),
        ("Ledger", {"DeletionPolicy": "RetainExceptOnCreate"}),
        ("StepLogs", {}),
        ("DeadLetters", {"DeletionPolicy": "Delete"}),
    ],
)
def test_data_without_a_policy_is_refused(name, policies):
    resource = {k: v for k, v in expanded()[name].items() if not k.endswith("Policy")}

    assert list(unkept({name: resource | policies}))


@pytest.mark.parametrize(
    "line",
    ["arn:aws:states:::lambda:invoke", 'f"arn:aws:s3:::{name}"', "https://sts.eu-west-1.amazonaws.com/",
     'f"{account}.dkr.ecr.{region}.amazonaws.com"', "$account.dkr.ecr.$region.amazonaws.com/image"],
)  # fmt: skip
def test_a_name_of_one_partition_is_refused(line):
    assert list(literal_partitions({"file": line}))


@pytest.mark.parametrize("line", ["ec2.amazonaws.com", "arn:${AWS::Partition}:s3:::x"])
def test_a_principal_is_the_same_in_every_partition(line):
    assert list(literal_partitions({"file": line})) == []


@pytest.mark.parametrize("state", ["EnsureInstance", "ReplaceInstance", "EnsureImage"])
def test_a_launch_or_build_that_leaves_a_refusal_to_chance_is_refused(state):
    tasks = every_task()
    task = {**tasks[state], "Retry": tasks[state]["Retry"][1:]}

    found = list(undeclared(expanded(), {**tasks, state: task}))

    assert found
    assert all(text.startswith(f"{state}: ") for text in found)
