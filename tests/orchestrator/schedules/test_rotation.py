"""When a deployment is rotated by itself; the moments are in tests/contracts/rotations.json."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from orchestrator.ledger.rows import STOP, DeploymentRow, Desired, HostRow, Role, Status
from orchestrator.schedules import rotation

WINDOW = {"days": ["sun"], "start": "03:00", "stop": "05:00"}
SECTION = {"every_days": 30, "time_zone": "Europe/Berlin", "on": [WINDOW]}
NOW = datetime(2026, 12, 6, 2, 30, tzinfo=UTC)  # a Sunday
ROW = DeploymentRow(
    spec=json.dumps({"rotation": SECTION}), desired=Desired.PRESENT, status=Status.SERVING
)
HOST = HostRow(
    generation=2, role=Role.SERVING, phase="serving", launched_at="2026-10-01T12:00:00+00:00"
)


def spec(**changes):
    return json.dumps({"rotation": {**SECTION, **changes}})


def test_an_old_host_is_rotated_in_the_window_and_the_window_is_named():
    gone = HostRow(generation=1, role=Role.RETIRED)

    assert rotation.due(ROW, [gone, HOST], NOW) == datetime(2026, 12, 6, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "hosts"),
    [
        (replace(ROW, desired=Desired.STOPPED, status=Status.STOPPED), [HOST]),
        (replace(ROW, desired=Desired.ASLEEP, status=Status.ASLEEP), [HOST]),
        (replace(ROW, desired=Desired.ABSENT), [HOST]),
        (replace(ROW, status=Status.REPAIRING), [HOST]),
        (replace(ROW, status=Status.FAILED), [HOST]),
        (replace(ROW, next_spec="{}", next_execution="e"), [HOST]),
        (ROW, [HOST, HostRow(generation=3, role=Role.CANDIDATE)]),
        (ROW, [HostRow(generation=1, role=Role.DRAINING), HOST]),
        (ROW, [replace(HOST, phase="unhealthy")]),
        (ROW, [replace(HOST, planned=STOP)]),
        (ROW, [replace(HOST, launched_at=None)]),
        (ROW, [replace(HOST, launched_at="2026-11-20T12:00:00+00:00")]),
        (ROW, []),
        (replace(ROW, rotated_at="2026-12-06T02:00:10.000000+00:00"), [HOST]),
        (replace(ROW, spec=spec(every_days=None)), [HOST]),
        (replace(ROW, spec=spec(time_zone="Mars/Olympus")), [HOST]),
        (replace(ROW, spec=spec(on=[])), [HOST]),
        (replace(ROW, spec=spec(on=[{"start": "00:00", "stop": "24:00"}])), [HOST]),
        (replace(ROW, spec=spec(on=[{"at": "noon"}])), [HOST]),
        (replace(ROW, spec="{}"), [HOST]),
        (replace(ROW, spec="?"), [HOST]),
    ],
    ids=[
        *("stopped", "asleep", "torn down", "under repair", "failed", "a change in hand"),
        *("a candidate", "a predecessor drains", "unhealthy", "to be stopped", "no launch known"),
        *("young", "no host", "tried in this window", "off", "no such zone", "no window"),
        *("a week without end", "another form", "no section", "no specification"),
    ],
)
def test_anything_else_leaves_it_alone(row, hosts):
    assert rotation.due(row, hosts, NOW) is None
