"""Since when a deployment is not used, from its row and its host's last report."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from orchestrator.deployments import starts
from orchestrator.hosts import idleness
from orchestrator.ledger.rows import DeploymentRow, Desired, HostRow, Role, Status

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def ago(minutes):
    return (NOW - timedelta(minutes=minutes)).isoformat(timespec="microseconds")


ROW = DeploymentRow(
    spec=json.dumps({"sleep": {"after_idle_minutes": 30}}),
    desired=Desired.PRESENT,
    status=Status.SERVING,
    served_at=ago(300),
)
HOST = HostRow(
    generation=1, role=Role.SERVING, phase="serving", phase_at=ago(1), reported_at=ago(1),
    served_at=ago(300), running=0, last_request_at=ago(40),
)  # fmt: skip


def test_the_end_of_the_last_request_counts():
    assert idleness.since(ROW, HOST, NOW) == NOW - timedelta(minutes=40)
    assert idleness.is_idle(ROW, HOST, NOW)


def test_a_host_whose_clock_is_wrong_is_not_put_to_sleep_too_early():
    ahead = replace(HOST, reported_at=ago(-59), last_request_at=ago(-50))
    behind = replace(HOST, reported_at=ago(121), last_request_at=ago(130))

    for host in (ahead, behind):  # the last request ended nine minutes before its report
        assert idleness.since(ROW, host, NOW) == NOW - timedelta(minutes=10)


@pytest.mark.parametrize(
    "host",
    [
        replace(HOST, last_request_at=ago(20)),
        replace(HOST, served_at=ago(20), last_request_at=None),
        replace(HOST, running=1),
        replace(HOST, running=None),
        replace(HOST, phase_at=ago(6)),
        replace(HOST, phase_at=None),
        replace(HOST, phase="unhealthy"),
        None,
    ],
)
def test_a_host_that_is_used_or_not_known_to_be_idle_is_not_idle(host):
    assert not idleness.is_idle(ROW, host, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"spec": "{}"},
        {"spec": json.dumps({"sleep": {"after_idle_minutes": None}})},
        {"spec": json.dumps({"sleep": "at night"})},
        {"desired": Desired.STOPPED},
        {"status": Status.REPAIRING},
        {"served_at": ago(29)},
        {"served_at": None},
    ],
)
def test_only_what_serves_and_is_to_sleep_falls_asleep(change):
    assert not idleness.is_idle(replace(ROW, **change), HOST, NOW)


def test_a_start_is_learned_from_the_last_five():
    row = replace(ROW, status=Status.STARTING, starting_at=ago(3), start_seconds="[1,2,3,4,5]")

    learned = starts.after(row, NOW)["start_seconds"]

    assert json.loads(learned) == [2, 3, 4, 5, 180]
    assert starts.expected(replace(row, start_seconds=learned), []) == 4
    assert starts.after(replace(row, status=Status.SERVING), NOW) == {}


@pytest.mark.parametrize("kept", [None, "[]", "soon", '["soon"]', "7"])
def test_before_the_first_start_the_last_launch_stands_for_it(kept):
    row = replace(ROW, start_seconds=kept)
    host = replace(HOST, launched_at=ago(310), served_at=ago(300))

    assert starts.expected(row, [host]) == 600
    assert starts.expected(row, [replace(host, launched_at=None)]) == 300
