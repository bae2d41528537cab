"""What EventBridge Scheduler is given: one schedule for each action and time of day.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html: it follows the summer
time of the zone, skips a time that the clock skips, and fires once at one that comes twice.
"""

from __future__ import annotations

import json
from datetime import time
from typing import Any

from orchestrator.aws import naming
from orchestrator.ledger.rows import SCHEDULE
from orchestrator.schedules import edges
from orchestrator.settings import Settings
from orchestrator.spec.deployment import Deployment

# What could not be started until then is found by the look of every minute (repair/overdue.py).
RETRIED_SECONDS = 300
_RETRIES = 10


def wanted(settings: Settings, deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Return what CreateSchedule gets, and GetSchedule shows, by name; empty without a schedule."""
    days_of = edges.days_of(deployment.schedule)
    return {
        naming.schedule(deployment.name, f"{action}-{at:%H%M}"): {
            "Description": f"Lamplighter deployment {deployment.name}: {action} at {at:%H:%M}",
            "ScheduleExpression": _cron(at, days),
            "ScheduleExpressionTimezone": deployment.schedule.time_zone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "ActionAfterCompletion": "NONE",
            "Target": _target(settings, deployment, action),
        }
        for (action, at), days in days_of.items()
    }


def _cron(at: time, days: list[str]) -> str:
    """Minute, hour, day of the month, month, day of the week, year: of both days one is `?`."""
    return f"cron({at.minute} {at.hour} ? * {','.join(days).upper()} *)"


def _target(settings: Settings, deployment: Deployment, action: str) -> dict[str, Any]:
    machines = {edges.START: settings.start_machine, edges.STOP: settings.stop_machine}
    return {
        "Arn": machines[action],
        "RoleArn": settings.scheduler_role,
        "Input": json.dumps({"name": deployment.name, "by": SCHEDULE}),
        "RetryPolicy": {
            "MaximumEventAgeInSeconds": RETRIED_SECONDS,
            "MaximumRetryAttempts": _RETRIES,
        },
        "DeadLetterConfig": {"Arn": settings.dead_letters},
    }
