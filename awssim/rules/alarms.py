"""CloudWatch's alarms: what PutMetricAlarm and DeleteAlarms refuse, and when tags count.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

_HIGH_RESOLUTION = {10, 20, 30}  # seconds; else a multiple of a minute
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_NAME, _DIMENSIONS, _TAGS, _DELETED = 255, 30, 50, 100


class Alarms:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {
            "cloudwatch.PutMetricAlarm": self._put,
            "cloudwatch.DeleteAlarms": self._delete,
            "cloudwatch.ListTagsForResource": self._list_tags,
        }

    def _put(self, request: Request, proceed: Proceed) -> Response:
        for problem in _problems(request.parameters):
            request.refuse("ValidationError", problem)
        name = request.parameters["AlarmName"]
        before = _found(request, name)
        if before is None:
            return proceed(request)
        without = {key: value for key, value in request.parameters.items() if key != "Tags"}
        answer = request.to_moto(request.client, request.operation, without)
        state = {"StateValue": before["StateValue"], "StateReason": before["StateReason"]}
        request.ask("SetAlarmState", AlarmName=name, **state)
        return answer

    def _delete(self, request: Request, proceed: Proceed) -> Response:
        names = request.parameters["AlarmNames"]
        if len(names) > _DELETED:
            request.refuse("ValidationError", f"at most {_DELETED} alarms in one call")
        found = {name: _found(request, name) for name in names}
        if missing := sorted(name for name, alarm in found.items() if alarm is None):
            request.refuse("ResourceNotFound", f"{missing[0]} does not exist", status=404)
        for alarm in found.values():
            _untag(request, str(alarm and alarm["AlarmArn"]))
        return proceed(request)

    def _list_tags(self, request: Request, proceed: Proceed) -> Response:
        arn = request.parameters["ResourceARN"]
        if _found(request, arn.rpartition(":alarm:")[2]) is None:
            request.refuse("ResourceNotFoundException", f"{arn} not found", status=404)
        return proceed(request)


def _found(request: Request, name: str) -> dict[str, Any] | None:
    alarms = request.ask("DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    return next(iter(alarms), None)


def _untag(request: Request, arn: str) -> None:
    keys = [tag["Key"] for tag in request.ask("ListTagsForResource", ResourceARN=arn)["Tags"]]
    if keys:
        request.ask("UntagResource", ResourceARN=arn, TagKeys=keys)


def _problems(asked: Mapping[str, Any]) -> list[str]:
    period, periods = asked.get("Period", _MINUTE), asked["EvaluationPeriods"]
    span = 7 * _DAY if period >= _HOUR else _DAY
    judged = {
        f"AlarmName must have at most {_NAME} characters": len(asked["AlarmName"]) <= _NAME,
        f"at most {_DIMENSIONS} dimensions": len(asked.get("Dimensions", ())) <= _DIMENSIONS,
        f"at most {_TAGS} tags": len(asked.get("Tags", ())) <= _TAGS,
        f"Period {period} is not 10, 20, 30 or a multiple of 60": (
            period in _HIGH_RESOLUTION or period % _MINUTE == 0
        ),
        f"the alarm looks back further than {span} seconds": period * periods <= span,
        "DatapointsToAlarm must not exceed EvaluationPeriods": (
            asked.get("DatapointsToAlarm", periods) <= periods
        ),
    }
    return [problem for problem, is_right in judged.items() if not is_right]
