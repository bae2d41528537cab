"""`lamplighter status` says what a deployment's schedule does next."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from lamplighter.aws.rows import Deployment
from lamplighter.deployments import schedule

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from mypy_boto3_dynamodb.service_resource import Table

WEEKDAYS = {"start": "08:00", "stop": "20:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
OFFICE = {"time_zone": "Europe/Berlin", "on": [WEEKDAYS]}
SERVED = "2026-11-23T09:00:00+00:00"
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)  # a Friday


def around_now() -> dict[str, Any]:
    """A window that began an hour ago and ends in three hours and some minutes."""
    now = datetime.now(UTC)
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    start, stop = now - timedelta(hours=1), now + timedelta(hours=3, minutes=20)
    return {
        "time_zone": "UTC",
        "on": [{"start": f"{start:%H:%M}", "stop": f"{stop:%H:%M}", "days": days}],
    }


def put(ledger: Table, **facts: Any) -> None:
    spec = json.dumps({"name": "prod", "schedule": facts.pop("schedule", around_now())})
    row = {"desired": "present", "status": "serving", "served_at": SERVED, "spec": spec}
    ledger.put_item(Item={"pk": "prod", "sk": "deployment", "version": 2, **row, **facts})


def line(text: str) -> str:
    found = re.search(r"^ *schedule +(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def test_it_says_when_it_is_stopped(lamplighter: Run, ledger: Table) -> None:
    put(ledger)

    shown = line(lamplighter("status", "prod").stdout)
    edge = json.loads(lamplighter("--json", "status", "prod").stdout)["schedule"]["next"]

    assert re.fullmatch(r"stops (today|tomorrow) \d\d:\d\d UTC, in 3 h (19|20) min", shown)
    assert (edge["action"], edge["time_zone"]) == ("stop", "UTC")
    assert 3 * 3600 < edge["in_seconds"] <= 3 * 3600 + 20 * 60


def test_what_it_stopped_it_starts(lamplighter: Run, ledger: Table) -> None:
    put(ledger, desired="stopped", status="stopped", stopped_by="schedule", stopped_at=SERVED)

    answer = lamplighter("status", "prod").stdout

    assert re.fullmatch(r"starts (today|tomorrow) \d\d:\d\d UTC, in (22|23) h.*", line(answer))
    assert "by its schedule; its disk and address cost" in answer


def test_what_an_operator_stopped_it_leaves_alone(lamplighter: Run, ledger: Table) -> None:
    put(ledger, desired="stopped", status="stopped", stopped_at=SERVED)

    shown = line(lamplighter("status", "prod").stdout)
    document = json.loads(lamplighter("--json", "status", "prod").stdout)

    assert shown == "on hold, stopped by command: `lamplighter start prod` resumes it"
    assert document["schedule"]["next"] is None


@pytest.mark.parametrize("spec", [{"on": []}, {"time_zone": "UTC"}, "nightly", None])
def test_without_one_there_is_no_line(lamplighter: Run, ledger: Table, spec: Any) -> None:
    put(ledger, schedule=spec)

    assert line(lamplighter("status", "prod").stdout) == ""
    assert json.loads(lamplighter("--json", "status", "prod").stdout)["schedule"] is None


def test_a_schedule_that_cannot_be_read_says_nothing(lamplighter: Run, ledger: Table) -> None:
    put(ledger, schedule={"on": [{"at": "noon"}], "time_zone": "Mars/Olympus"})

    assert line(lamplighter("status", "prod").stdout) == ""


@pytest.mark.parametrize(
    ("facts", "action", "at"),
    [
        ({"desired": "present"}, "stop", "2026-11-27T20:00:00+01:00"),
        (
            {"desired": "stopped", "stopped_by": "schedule"},
            "start",
            "2026-11-30T08:00:00+01:00",
        ),
    ],
)
def test_the_next_edge_is_the_one_that_changes_something(
    facts: dict[str, Any], action: str, at: str
) -> None:
    """Started by hand in the evening, it is stopped next, not started."""
    found = schedule.upcoming(Deployment("prod", served_at=SERVED, schedule=OFFICE, **facts), NOON)

    assert found is not None
    assert (found.action, found.at.isoformat()) == (action, at)


def test_what_was_torn_down_or_has_not_served_has_none() -> None:
    gone = Deployment("prod", desired="absent", served_at=SERVED, schedule=OFFICE)
    new = Deployment("prod", desired="present", schedule=OFFICE)

    assert schedule.upcoming(gone, NOON) is schedule.upcoming(new, NOON) is None
