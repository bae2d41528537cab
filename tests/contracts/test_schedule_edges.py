"""The orchestrator and the command have one calendar: over the changes of the clocks, too."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from contracts.documents import document
from lamplighter.deployments import schedule
from orchestrator.schedules import edges

CASES = [pytest.param(each, id=each["case"]) for each in document("schedule_edges")["cases"]]


def moment(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("case", CASES)
def test_the_orchestrator_knows_the_next_edge(case):
    known = edges.of({"schedule": case["schedule"]})

    found = edges.upcoming(known, moment(case["now"]))

    assert {"action": found.action, "at": found.at.isoformat()} == case["next"]
    assert edges.last(known, found.at).at == found.at
    assert edges.last(known, found.at - timedelta(seconds=1)).at < found.at


def test_a_schedule_of_another_form_is_none():
    on_mars = {"time_zone": "Mars/Olympus", "on": [{"start": "08:00", "stop": "20:00"}]}
    for other in ({}, on_mars, {"time_zone": "UTC", "on": [{"at": "noon"}]}):
        assert schedule.following(other, moment("2026-11-28T12:00:00+00:00")) is None
        assert edges.of({"schedule": other}) is None


@pytest.mark.parametrize("case", CASES)
def test_the_command_shows_the_same(case):
    found = schedule.following(case["schedule"], moment(case["now"]))

    shown = found.document(moment(case["now"]))
    assert {key: shown[key] for key in ("action", "at")} == case["next"]
