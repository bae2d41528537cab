"""What the installer (CloudFormation) and the account's owner put there before a deployment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from awssim.clients import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from awssim.account import Account

LEDGER_TABLE = "ledger"
INSTANCE_PROFILE = "lamplighter-instance"
DOMAIN = "example.com"
BUILD_PROJECT = "lamplighter-gateway"
HOST_BOUNDARY = f"arn:aws:iam::{ACCOUNT_ID}:policy/lamplighter-hosts"
SCHEDULE_GROUP = "lamplighter-schedules"
SCHEDULER_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/lamplighter-scheduler"
NOTICE_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:lamplighter-notices"


def furnish(
    account: Account,
    *,
    table: str = LEDGER_TABLE,
    profile: str = INSTANCE_PROFILE,
    project: str = BUILD_PROJECT,
    boundary: str = HOST_BOUNDARY,
    topic: str = NOTICE_TOPIC,
    schedules: tuple[str, str] = (SCHEDULE_GROUP, SCHEDULER_ROLE),
) -> None:
    """Ledger, instance profile with role, boundary, hosted zone, build project, topic, schedule
    group with role: none is in the inventory. boundary, topic: ARNs of hosts' permissions boundary
    and of the notices' topic. schedules: the group's name and its role's ARN.
    """
    with account.uncounted():
        create_ledger(account, table)
        _create_instance_profile(account, profile)
        _create_boundary(account, boundary)
        account.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference="furnished")
        _create_build_project(account, project)
        account.client("sns").create_topic(Name=topic.rpartition(":")[2])
        _create_schedule_group(account, *schedules)
        account.take_as_given()


def create_ledger(account: Account, table: str = LEDGER_TABLE) -> None:
    account.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _create_instance_profile(account: Account, name: str) -> None:
    iam = account.client("iam")
    trust = {"Version": "2012-10-17", "Statement": []}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


def _create_boundary(account: Account, arn: str) -> None:
    """No double here evaluates what it allows."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    account.client("iam").create_policy(
        PolicyName=arn.rpartition("/")[2], PolicyDocument=json.dumps(document)
    )


def _create_build_project(account: Account, name: str) -> None:
    """S3 source only because moto refuses NO_SOURCE; nothing is ever fetched."""
    account.client("codebuild").create_project(
        name=name,
        source={"type": "S3", "location": "given-at-start/source.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=f"arn:aws:iam::{ACCOUNT_ID}:role/{name}",
    )


def _create_schedule_group(account: Account, name: str, role: str) -> None:
    account.client("scheduler").create_schedule_group(Name=name)
    assume = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    trusted = {**assume, "Principal": {"Service": "scheduler.amazonaws.com"}}
    document = {"Version": "2012-10-17", "Statement": [trusted]}
    account.client("iam").create_role(
        RoleName=role.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(document)
    )
