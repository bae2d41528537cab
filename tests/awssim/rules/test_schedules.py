"""EventBridge Scheduler is as strict as AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from awssim.furnish import SCHEDULE_GROUP, SCHEDULER_ROLE
from awssim.rules.cron import is_cron
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

TARGET = {"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:x", "RoleArn": SCHEDULER_ROLE}
SCHEDULE: dict[str, Any] = {
    "Name": "demo.stop-2000",
    "GroupName": SCHEDULE_GROUP,
    "ScheduleExpression": "cron(0 20 ? * MON-FRI *)",
    "ScheduleExpressionTimezone": "Europe/Berlin",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": TARGET,
}


@pytest.fixture
def scheduler(account: Account) -> Any:
    return account.client("scheduler")


@pytest.mark.parametrize(
    ("change", "code", "problem"),
    [
        ({"ScheduleExpression": "cron(0 20 * * MON *)"}, "ValidationException", "Invalid Schedule"),
        ({"ScheduleExpression": "at 20:00"}, "ValidationException", "Invalid Schedule Expression"),
        ({"ScheduleExpressionTimezone": "Berlin"}, "ValidationException", "Timezone Berlin"),
        ({"Name": "demo/stop"}, "ValidationException", "'name'"),
        ({"Name": "d" * 65}, "ValidationException", "'name'"),
        ({"GroupName": "other"}, "ResourceNotFoundException", "group other does not exist"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "ValidationException", "MaximumWindow"),
        (
            {"Target": {**TARGET, "RetryPolicy": {"MaximumEventAgeInSeconds": 30}}},
            "ValidationException",
            "60 to 86400",
        ),
        (
            {"Target": {**TARGET, "RoleArn": "arn:aws:iam::123456789012:role/none"}},
            "ValidationException",
            "must allow AWS EventBridge Scheduler to assume",
        ),
        (
            {"Target": {**TARGET, "RoleArn": "arn:aws:iam::123456789012:role/others"}},
            "ValidationException",
            "must allow AWS EventBridge Scheduler to assume",
        ),
    ],
)
def test_what_aws_refuses_is_refused(
    account: Account, scheduler: Any, change: dict[str, Any], code: str, problem: str
) -> None:
    lambdas = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    trust = {"Version": "2012-10-17", "Statement": [{**lambdas, "Action": "sts:AssumeRole"}]}
    account.client("iam").create_role(RoleName="others", AssumeRolePolicyDocument=json.dumps(trust))

    with pytest.raises(ClientError, match=problem) as refused:
        scheduler.create_schedule(**{**SCHEDULE, **change})

    assert refused.value.response["Error"]["Code"] == code
    assert account.inventory()["schedules"] == []


@pytest.mark.parametrize(
    ("expression", "is_valid"),
    [
        ("cron(0 8 ? * MON,TUE *)", True),
        ("cron(0/15 8-17 ? * 2-6 *)", True),
        ("cron(0 8 1,15 JAN-MAR ? 2027)", True),
        ("cron(0 8 L * ? *)", True),
        ("cron(0 8 ? * 6#3 *)", True),
        ("cron(0 8 ? * ? *)", False),
        ("cron(0 8 * * * *)", False),
        ("cron(60 8 ? * MON *)", False),
        ("cron(0 24 ? * MON *)", False),
        ("cron(0 8 ? * MONDAY *)", False),
        ("cron(0 8 ? * 0 *)", False),
        ("cron(0 17-8 ? * MON *)", False),
        ("cron(? 8 ? * MON *)", False),
        ("cron(0 8 ? * MON)", False),
        ("0 8 ? * MON *", False),
    ],
)
def test_a_cron_expression_has_six_fields_and_one_question_mark(
    expression: str,
    is_valid: bool,  # noqa: FBT001
) -> None:
    assert is_cron(expression) == is_valid


def test_a_token_that_comes_again_has_one_effect_and_another_is_a_conflict(scheduler: Any) -> None:
    first = scheduler.create_schedule(**SCHEDULE, ClientToken="a")

    assert (
        scheduler.create_schedule(**SCHEDULE, ClientToken="a")["ScheduleArn"]
        == (first["ScheduleArn"])
    )
    for other in ({"ClientToken": "b"}, {"ClientToken": "a", "Description": "another"}):
        with pytest.raises(ClientError, match="ConflictException"):
            scheduler.create_schedule(**SCHEDULE, **other)


def test_an_update_is_checked_like_a_create_and_what_is_not_there_is_named(scheduler: Any) -> None:
    scheduler.create_schedule(**SCHEDULE)

    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        scheduler.update_schedule(**{**SCHEDULE, "ScheduleExpression": "cron(0 8 * * MON *)"})
    for name, group in (("other", SCHEDULE_GROUP), (SCHEDULE["Name"], "other")):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            scheduler.delete_schedule(Name=name, GroupName=group)


def test_schedules_are_in_the_inventory(account: Account, scheduler: Any) -> None:
    scheduler.create_schedule(**SCHEDULE)

    assert account.inventory()["schedules"] == [f"{SCHEDULE_GROUP}/demo.stop-2000"]
