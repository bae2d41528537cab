# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""EventBridge Scheduler: cron in a schedule's own time zone. ministack reads each one as UTC.

Only cron expressions fire here: the deployments' schedules have no others.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html: what the clocks skip in
spring is skipped, what they show twice in autumn fires once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ministack.core import responses
from ministack.services import eventbridge, scheduler
from twin.emulator.pinned import require

_Key = tuple[str, str, str]  # account, region, group/name


def install() -> None:
    for name in ("_tick_schedules", "_schedules", "_ticker_loop"):
        require(holds=hasattr(scheduler, name), fix="schedules in their time zone")
    for name in ("_parse_cron_fields", "_cron_next_fire", "_invoke_target"):
        require(holds=callable(getattr(eventbridge, name, None)), fix="schedules in their zone")
    since: dict[_Key, float] = {}
    scheduler._tick_schedules = lambda: tick(since, time.time())


def tick(since: dict[_Key, float], now: float) -> None:
    """Start what is due. since: when each fired last, or was seen first; seconds, as now."""
    for key, schedule in _enabled():
        due = _next(schedule, since.setdefault(key, now))
        if due is not None and due <= now:
            since[key] = now
            _fire(key, schedule, now)


def _enabled() -> Iterator[tuple[_Key, dict[str, Any]]]:
    for key, schedule in list(scheduler._schedules._data.items()):
        if schedule.get("State") == "ENABLED":
            yield key, schedule


def _next(schedule: dict[str, Any], after: float) -> float | None:
    """Return the next time; None for what is no cron expression."""
    fields = eventbridge._parse_cron_fields(schedule["ScheduleExpression"])
    zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    shown = datetime.fromtimestamp(after, zone).replace(tzinfo=UTC)  # what its clocks show
    while fields is not None:
        shown = eventbridge._cron_next_fire(fields, shown)
        if shown is None:
            break
        moment: datetime = shown.replace(tzinfo=zone).astimezone(UTC)
        is_skipped = moment.astimezone(zone).replace(tzinfo=UTC) != shown
        if not is_skipped and moment.timestamp() > after:
            return moment.timestamp()
    return None


def _fire(key: _Key, schedule: dict[str, Any], now: float) -> None:
    account, region, _ = key
    before = responses.get_account_id(), responses.get_region()
    responses.set_request_account_id(account)
    responses.set_request_region(region)
    event = {
        "EventId": responses.new_uuid(), "Source": "aws.scheduler", "Time": now,
        "DetailType": "Scheduled Event", "Detail": "{}", "Resources": [schedule["Arn"]],
        "Account": account, "Region": region,
    }  # fmt: skip
    try:
        eventbridge._invoke_target(schedule["Target"], event, schedule)
    finally:
        responses.set_request_account_id(before[0])
        responses.set_request_region(before[1])
