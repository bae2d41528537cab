"""CloudWatch alarms, and schedules of EventBridge Scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awssim.clients import client
from awssim.inventory.item import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = frozenset({"alarms", "schedules"})


def read() -> Iterator[Item]:
    for page in client("cloudwatch").get_paginator("describe_alarms").paginate():
        for alarm in page["MetricAlarms"]:
            name, metric = alarm["AlarmName"], alarm.get("MetricName")
            yield Item("alarms", name, f"{name} {metric} {alarm['Threshold']}")
    scheduler = client("scheduler")
    for page in scheduler.get_paginator("list_schedules").paginate():
        for each in page["Schedules"]:
            group, name = each["GroupName"], each["Name"]
            found = scheduler.get_schedule(GroupName=group, Name=name)
            zone = found["ScheduleExpressionTimezone"]
            looks = f"{name} {found['ScheduleExpression']} {zone} {found['State']}"
            yield Item("schedules", f"{group}/{name}", looks)
