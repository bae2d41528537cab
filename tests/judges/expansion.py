"""template.yaml as CloudFormation gets it: expanded by AWS's aws-sam-translator (Apache-2.0)."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from unittest.mock import patch

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
from template_files import ROOT

REGION = "eu-central-1"
UPLOADED = {"CodeUri", "ContentUri", "DefinitionUri"}  # `sam deploy` puts S3 addresses here

PSEUDO = {
    "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": "123456789012",
    "AWS::StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/lamplighter/0",
    "AWS::StackName": "lamplighter", "AWS::URLSuffix": "amazonaws.com",
}  # fmt: skip
ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{}:table/x",
    "AWS::Events::EventBus": "events:{}:event-bus/x",
    "AWS::SNS::Topic": "sns:{}:x",
    "AWS::SQS::Queue": "sqs:{}:x",
    "AWS::IAM::Role": "iam::123456789012:role/x",
    "AWS::Lambda::Function": "lambda:{}:function:x",
    "AWS::CodeBuild::Project": "codebuild:{}:project/x",
    "AWS::StepFunctions::StateMachine": "states:{}:stateMachine:x",
}

Template = dict[str, Any]


class _NoManagedPolicies:
    """Ours are named by ARN or reference: there is no name to look up in an account."""

    def load(self) -> dict[str, str]:
        return {}


@cache
def source() -> Template:
    """Return template.yaml with its local folders in the place of uploads, for read only."""
    return uploaded(yaml_parse((ROOT / "template.yaml").read_text()))


def changed() -> Template:
    """Return a copy to put a defect into."""
    return copy.deepcopy(source())


def expand(template: Template) -> Template:
    """Return what CloudFormation makes of it, resource by resource."""
    with patch.dict(os.environ, AWS_DEFAULT_REGION=REGION):
        return transform(copy.deepcopy(template), {}, _NoManagedPolicies())["Resources"]


@cache
def expanded() -> Template:
    """Return the resources of template.yaml as it is, for read only."""
    return expand(source())


def uploaded(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: f"s3://bucket/{value}" if key in UPLOADED else uploaded(value)
            for key, value in node.items()
        }
    return [uploaded(item) for item in node] if isinstance(node, list) else node


def references(node: Any) -> Iterator[str]:
    """Yield each logical name that this piece of an expanded template needs."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in {"Ref", "DependsOn"}:
                yield from [value] if isinstance(value, str) else value
            elif key == "Fn::GetAtt":
                yield value[0] if isinstance(value, list) else value.split(".")[0]
            elif key == "Fn::Sub":
                text, given = (value, {}) if isinstance(value, str) else value
                yield from {
                    name.split(".")[0] for name in re.findall(r"\$\{(\w+(?:\.\w+)?)\}", text)
                }
                yield from references(given)
            else:
                yield from references(value)


def closure(resources: Template, root: str) -> set[str]:
    """Return everything that CloudFormation creates before `root` and deletes after it."""
    reached: set[str] = set()
    pending = [root]
    while pending:
        name = pending.pop()
        if name in resources and name not in reached:
            reached.add(name)
            pending += references(resources[name])
    return reached


def resolved(value: Any, resources: Template) -> str:
    """Return the text that CloudFormation puts in the place of a reference, e.g. an ARN."""
    if isinstance(value, str):
        return value
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([\w:]+)\}", lambda name: PSEUDO.get(name[1], "x"), value["Fn::Sub"])
    name = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    if name in PSEUDO or name in source()["Parameters"]:
        return PSEUDO.get(name) or str(source()["Parameters"][name]["Default"])
    return "arn:aws:" + ARNS[resources[name]["Type"]].format(f"{REGION}:{PSEUDO['AWS::AccountId']}")
