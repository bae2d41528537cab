"""The one logger and the one set of metrics that every function shares.

A metric is a line in the log, which CloudWatch reads (embedded metric format): no call, no
permission. tests/contracts/metric_names.json lists them all.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import datetime

from aws_lambda_powertools import Logger

from orchestrator.ledger.rows import IncidentRow

NAMESPACE = "Lamplighter"
_REPAIRED = "repaired"
_UNITS = {"TimeToDetection": "Seconds", "TimeToRepair": "Seconds", "SecondsUnserved": "Seconds"}

logger = Logger(service="lamplighter")


def count(what: str) -> None:
    """Add one to a metric of this installation."""
    _emit({what: 1.0}, {})


def record_incident(deployment: str, incident: IncidentRow) -> None:
    """Write the metrics of an incident that is closed; of one that is open, nothing.

    Both times begin at the first sign of the fault: EC2's event, the first probe that was not
    answered. The first ends when its repair starts, the second when the repair ends; without a
    repair that worked there is no second one.
    """
    if incident.closed_at is None:
        return
    first_sign = incident.detected_at or incident.opened_at
    seconds = {
        "TimeToDetection": _between(first_sign, incident.opened_at),
        "TimeToRepair": _between(first_sign, incident.closed_at),
        "SecondsUnserved": incident.unserved_seconds,
    }
    counts = {"Incidents": 1.0}
    if incident.outcome != _REPAIRED:
        counts["IncidentsNotRepaired"] = 1.0
        del seconds["TimeToRepair"]
    known = {name: value for name, value in seconds.items() if value is not None}
    _emit(counts | known, {"Deployment": deployment})


def _between(begin: str | None, end: str | None) -> float | None:
    """Return the seconds between two times, none less than 0: clocks of AWS's services differ."""
    if not begin or not end:
        return None
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
    return max(0.0, round(seconds, 1))


def _emit(values: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
    """Write one line, of this installation and of the dimensions."""
    dimensions = {"Installation": os.environ.get("INSTALLATION", "-"), **dimensions}
    described = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in values],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [described]}
    print(json.dumps({"_aws": about, **dimensions, **values}), flush=True)  # noqa: T201 - read by CloudWatch
