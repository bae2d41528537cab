"""The twin's EventBridge Scheduler: cron expressions by the clocks of their time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ministack.services import eventbridge, scheduler
from twin.emulator.services import schedules

KEY = ("123456789012", "us-east-1", "group/demo.stop-2000")


@pytest.fixture
def fired(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The inputs of what was started."""
    inputs: list[str] = []
    monkeypatch.setattr(scheduler._schedules, "_data", {})
    monkeypatch.setattr(
        eventbridge, "_invoke_target", lambda target, *_: inputs.append(target["Input"])
    )
    return inputs


def put(expression: str, zone: str = "Europe/Berlin", state: str = "ENABLED") -> None:
    scheduler._schedules._data[KEY] = {
        "Arn": "arn", "State": state, "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone, "Target": {"Arn": "machine", "Input": "stop"},
    }  # fmt: skip


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "before", "due"),
    [
        ("cron(0 20 ? * MON,FRI *)", "2026-11-27T18:59", "2026-11-27T19:00"),
        ("cron(0 20 ? * MON,FRI *)", "2026-03-30T17:59", "2026-03-30T18:00"),
        ("cron(30 2 ? * * *)", "2026-03-30T00:29", "2026-03-30T00:30"),
        ("cron(30 2 ? * * *)", "2026-10-25T00:29", "2026-10-25T00:30"),
    ],
)
def test_it_fires_once_by_the_clocks_of_its_zone(
    fired: list[str], expression: str, before: str, due: str
) -> None:
    put(expression)
    since: dict[Any, float] = {}

    schedules.tick(since, at(before))
    assert fired == []
    for seconds in (0, 10, 70):
        schedules.tick(since, at(due) + seconds)

    assert fired == ["stop"]


def test_a_time_that_the_clocks_skip_is_skipped(fired: list[str]) -> None:
    put("cron(30 2 ? * * *)")
    since: dict[Any, float] = {}

    for hour in range(24):
        schedules.tick(since, at("2026-03-28T12:00") + 3600 * hour)

    assert fired == []


def test_what_is_disabled_or_no_cron_does_not_fire(fired: list[str]) -> None:
    since: dict[Any, float] = {}
    for expression, state in (("cron(0 20 ? * * *)", "DISABLED"), ("rate(1 minute)", "ENABLED")):
        put(expression, "UTC", state)
        for hour in range(25):
            schedules.tick(since, at("2026-11-27T00:00") + 3600 * hour)

    assert fired == []
