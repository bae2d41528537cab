"""CloudWatch alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awssim.clients import client
from awssim.inventory.item import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = frozenset({"alarms"})


def read() -> Iterator[Item]:
    for page in client("cloudwatch").get_paginator("describe_alarms").paginate():
        for alarm in page["MetricAlarms"]:
            name, metric = alarm["AlarmName"], alarm.get("MetricName")
            yield Item("alarms", name, f"{name} {metric} {alarm['Threshold']}")
