"""A rotation begins when the command says so: over the changes of the clocks, too."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from contracts.documents import document
from lamplighter.aws import rows as cli
from lamplighter.deployments import rotation as shown
from orchestrator.ledger.rows import DeploymentRow, Desired, HostRow, Role, Status
from orchestrator.schedules import rotation

CASES = [pytest.param(each, id=each["case"]) for each in document("rotations")["cases"]]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("case", CASES)
def test_the_orchestrator_begins_it_then_and_not_before(case: dict[str, Any]) -> None:
    row = DeploymentRow(
        spec=json.dumps({"rotation": case["rotation"]}),
        desired=Desired.PRESENT,
        status=Status.SERVING,
        rotated_at=case["rotated_at"],
    )
    host = HostRow(
        generation=1, role=Role.SERVING, phase="serving", launched_at=case["launched_at"]
    )
    now, begins = moment(case["now"]), moment(case["next"])
    minutes = (begins - now) // timedelta(minutes=1)
    before = [now + timedelta(minutes=each) for each in range(0, minutes, 7)]

    assert [each for each in before if rotation.due(row, [host], each)] == []
    assert rotation.due(row, [host], begins - timedelta(seconds=1)) is None or begins == now
    assert rotation.due(row, [host], begins) is not None


@pytest.mark.parametrize("case", CASES)
def test_the_command_shows_that_moment(case: dict[str, Any]) -> None:
    found = cli.Deployment(
        "prod",
        desired="present",
        served_at=case["launched_at"],
        rotation=case["rotation"],
        rotated_at=case["rotated_at"] or "",
        hosts=(cli.Host(1, role="serving", launched_at=case["launched_at"]),),
    )

    edge = shown.upcoming(found, moment(case["now"]))

    assert edge is not None
    assert edge.document(moment(case["now"]))["at"] == case["next"]
    assert edge.zone == case["rotation"]["time_zone"]
