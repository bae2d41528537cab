"""EventBridge Scheduler: expressions, time zones, groups, roles and tokens that AWS checks.

https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from awssim.rules.cron import is_cron
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awssim.request import Proceed, Request, Response, Rule

_NAME = re.compile(r"[0-9a-zA-Z_.-]{1,64}")
_RATE = re.compile(r"rate\([1-9][0-9]* (minute|hour|day)s?\)")
_AT = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")
_NOT_ASSUMED = (
    "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
)
_SERVICE = "scheduler.amazonaws.com"
_AGES, _ATTEMPTS = range(60, 86_401), range(186)


class Schedules:
    """A token that was used before, with the same parameters, has no second effect."""

    def __init__(self) -> None:
        self._used: dict[str, str] = {}
        self.rules: Mapping[str, Rule] = {
            "scheduler.CreateSchedule": self._create,
            "scheduler.UpdateSchedule": self._update,
            "scheduler.GetSchedule": self._in_group,
            "scheduler.DeleteSchedule": self._in_group,
        }

    def _create(self, request: Request, proceed: Proceed) -> Response:
        _check(request)
        token = request.parameters.get("ClientToken")
        there = _found(request)
        if there and token and self._used.get(token) == _signature(request):
            return {"ScheduleArn": there["Arn"]}
        if there:
            name = request.parameters["Name"]
            request.refuse("ConflictException", f"Schedule {name} already exists.", status=409)
        answer = proceed(request)
        if token:
            self._used[token] = _signature(request)
        return answer

    def _update(self, request: Request, proceed: Proceed) -> Response:
        _check(request)
        return proceed(request)

    def _in_group(self, request: Request, proceed: Proceed) -> Response:
        _must_have_group(request)
        return proceed(request)


def _check(request: Request) -> None:
    _must_have_group(request)
    for problem in _problems(request):
        request.refuse("ValidationException", problem)


def _must_have_group(request: Request) -> None:
    group = request.parameters.get("GroupName", "default")
    known = {each["Name"] for each in request.ask("ListScheduleGroups")["ScheduleGroups"]}
    if group not in known:
        text = f"Schedule group {group} does not exist."
        request.refuse("ResourceNotFoundException", text, status=404)


def _problems(request: Request) -> Iterator[str]:
    asked = request.parameters
    expression, zone = asked["ScheduleExpression"], asked.get("ScheduleExpressionTimezone", "UTC")
    if not _NAME.fullmatch(asked["Name"]):
        yield f"Value '{asked['Name']}' at 'name' failed to satisfy constraint"
    if not (_RATE.fullmatch(expression) or _AT.fullmatch(expression) or is_cron(expression)):
        yield f"Invalid Schedule Expression {expression}."
    if not _is_zone(zone):
        yield f"Invalid ScheduleExpressionTimezone {zone}."
    window = asked["FlexibleTimeWindow"]
    if (window["Mode"] == "OFF") == ("MaximumWindowInMinutes" in window):
        yield "MaximumWindowInMinutes goes with Mode FLEXIBLE, and only with it"
    yield from _problems_of_target(request, asked["Target"])


def _problems_of_target(request: Request, target: Mapping[str, Any]) -> Iterator[str]:
    retry = target.get("RetryPolicy", {})
    if retry.get("MaximumEventAgeInSeconds", _AGES[0]) not in _AGES:
        yield "MaximumEventAgeInSeconds is not from 60 to 86400"
    if retry.get("MaximumRetryAttempts", 0) not in _ATTEMPTS:
        yield "MaximumRetryAttempts is not from 0 to 185"
    if not _may_be_assumed(request, target["RoleArn"]):
        yield _NOT_ASSUMED


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _may_be_assumed(request: Request, arn: str) -> bool:
    try:
        role = request.ask_service("iam", "GetRole", RoleName=arn.rpartition("/")[2])["Role"]
    except ClientError:
        return False
    trust = role["AssumeRolePolicyDocument"]
    document = json.loads(trust) if isinstance(trust, str) else trust
    return any(_SERVICE in str(each.get("Principal")) for each in document["Statement"])


def _found(request: Request) -> dict[str, Any] | None:
    about = {
        key: request.parameters[key] for key in ("GroupName", "Name") if key in request.parameters
    }
    try:
        return request.ask("GetSchedule", **about)
    except ClientError:
        return None


def _signature(request: Request) -> str:
    kept = {key: value for key, value in request.parameters.items() if key != "ClientToken"}
    return json.dumps(kept, sort_keys=True, default=str)
