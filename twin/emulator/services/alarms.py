# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""CloudWatch: an alarm that changes its state is an event, and status checks have metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

import json
import time
from typing import Any

from ministack.services import cloudwatch, eventbridge
from twin.emulator.pinned import require

_METRICS = {
    "system": "StatusCheckFailed_System",
    "instance": "StatusCheckFailed_Instance",
    "attached-ebs": "StatusCheckFailed_AttachedEBS",
}
_EITHER = "StatusCheckFailed"  # of the system or of the instance


def install() -> None:
    require(holds=callable(cloudwatch._dispatch_alarm_actions), fix="events of alarms")
    require(holds=callable(cloudwatch._set_alarm_state), fix="events of alarms")
    require(holds=hasattr(cloudwatch, "_alarms"), fix="events of alarms")
    original = cloudwatch._dispatch_alarm_actions

    def dispatch(alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
        _put_event(alarm, old, new, reason)
        original(alarm, old, new, reason)

    cloudwatch._dispatch_alarm_actions = dispatch


def set_status_check(instance: str, check: str, *, fails: bool) -> None:
    """Set the alarms on this check of this instance, as its metric would within minutes."""
    metrics = {_METRICS[check]} | ({_EITHER} if check != "attached-ebs" else set())
    for alarm in list(cloudwatch._alarms.values()):
        watched = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or []}
        is_its = watched.get("InstanceId") == instance and alarm.get("Namespace") == "AWS/EC2"
        if is_its and alarm.get("MetricName") in metrics:
            _set(alarm["AlarmName"], "ALARM" if fails else "OK", check)


def _set(name: str, state: str, check: str) -> None:
    given = {
        "AlarmName": name, "StateValue": state,
        "StateReason": f"Threshold Crossed: the {check} status check is now {state}.",
    }  # fmt: skip
    cloudwatch._set_alarm_state({}, given, False, is_json=True)


def _put_event(alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
    detail = {
        "alarmName": alarm["AlarmName"],
        "configuration": {
            "description": alarm.get("AlarmDescription", ""), "metrics": [_metric(alarm)],
        },
        "previousState": {"value": old, "reason": "", "reasonData": "{}", "timestamp": now},
        "state": {
            "value": new, "reason": reason, "timestamp": now,
            "reasonData": alarm.get("StateReasonData") or "{}",
        },
    }  # fmt: skip
    event = {
        "Source": "aws.cloudwatch", "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail), "Resources": [alarm.get("AlarmArn", "")],
    }  # fmt: skip
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)


def _metric(alarm: dict[str, Any]) -> dict[str, Any]:
    dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or []}
    metric = {
        "namespace": alarm.get("Namespace", ""), "name": alarm.get("MetricName", ""),
        "dimensions": dimensions,
    }  # fmt: skip
    stat = {"metric": metric, "period": alarm.get("Period", 60), "stat": alarm.get("Statistic")}
    return {"id": alarm["AlarmName"], "metricStat": stat, "returnData": True}
