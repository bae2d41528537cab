"""`lamplighter status` says when a deployment's host is replaced by itself."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from mypy_boto3_dynamodb.service_resource import Table

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def ago(**lasting: float) -> str:
    return (datetime.now(UTC) - timedelta(**lasting)).isoformat()


def window(begins: timedelta) -> dict[str, Any]:
    """A window of three hours on every day."""
    start = datetime.now(UTC) + begins
    stop = start + timedelta(hours=3)
    return {"start": f"{start:%H:%M}", "stop": f"{stop:%H:%M}", "days": DAYS}


def put(ledger: Table, begins: timedelta, *, every_days: Any = 30, **facts: Any) -> None:
    """A host of 40 days, and a window that begins then."""
    rotation = {"every_days": every_days, "time_zone": "UTC", "on": [window(begins)]}
    spec = json.dumps({"name": "prod", "rotation": rotation})
    served = {"desired": "present", "status": "serving", "served_at": ago(days=40), "spec": spec}
    ledger.put_item(Item={"pk": "prod", "sk": "deployment", "version": 2, **served, **facts})
    host = {"generation": 1, "role": "serving", "phase": "serving", "launched_at": ago(days=40)}
    ledger.put_item(Item={"pk": "prod", "sk": "host#1", **host})


def line(text: str) -> str:
    found = re.search(r"^ *rotation +(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def test_it_says_when_the_next_one_begins(lamplighter: Run, ledger: Table) -> None:
    put(ledger, timedelta(hours=2, minutes=10))

    shown = line(lamplighter("status", "prod").stdout)
    found = json.loads(lamplighter("--json", "status", "prod").stdout)["rotation"]

    assert re.fullmatch(r"(today|tomorrow) \d\d:\d\d UTC, in 2 h (9|10) min", shown)
    assert found["every_days"] == 30
    assert found["next"]["action"] == "rotation"
    assert 2 * 3600 < found["next"]["in_seconds"] <= 2 * 3600 + 10 * 60


def test_in_its_window_it_is_due_now(lamplighter: Run, ledger: Table) -> None:
    put(ledger, -timedelta(hours=1))

    assert line(lamplighter("status", "prod").stdout) == "due now"


def test_one_that_was_tried_comes_in_the_next_window(lamplighter: Run, ledger: Table) -> None:
    put(ledger, -timedelta(hours=1), rotated_at=ago(minutes=50))

    assert re.fullmatch(
        r"(today|tomorrow) \d\d:\d\d UTC, in 2[23] h( \d+ min)?",
        line(lamplighter("status", "prod").stdout),
    )


def test_what_is_stopped_has_to_serve_then(lamplighter: Run, ledger: Table) -> None:
    put(ledger, timedelta(hours=2), desired="stopped", status="stopped", stopped_at=ago(days=1))

    assert line(lamplighter("status", "prod").stdout).endswith(", if it serves then")


@pytest.mark.parametrize("every_days", [None, True, "often"])
def test_without_one_there_is_no_line(lamplighter: Run, ledger: Table, every_days: Any) -> None:
    put(ledger, timedelta(hours=2), every_days=every_days)

    assert line(lamplighter("status", "prod").stdout) == ""
