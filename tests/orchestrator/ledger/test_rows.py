"""Rows as values: what is written is read again, and what an earlier version wrote is adopted."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from orchestrator.ledger.attributes import pack, unpack
from orchestrator.ledger.rows import (
    DEPLOYMENT,
    EARLIER_HOST,
    LOCK,
    AwaitRow,
    DeploymentRow,
    Desired,
    HostRow,
    IncidentRow,
    LockRow,
    NoticeRow,
    ResourceRow,
    Role,
    SpecRow,
    Status,
)

AT = "2026-06-01T12:00:00.000000+00:00"
FULL = [
    DeploymentRow(
        version=2,
        spec='{"name": "demo"}',
        desired=Desired.ASLEEP,
        status=Status.TEARING_DOWN,
        generation=3,
        latest_generation=4,
        endpoint="https://e",
        address="192.0.2.1",
        began_at=AT,
        served_at=AT,
        execution="e",
        reason="r",
        paused_at=AT,
        paused_until=AT,
        paused_why="w",
        spent="{}",
        budget_noticed="2026-06/80/500",
        unanswered_at=AT,
        next_spec='{"name": "demo", "model": "other"}',
        next_execution="e",
        next_host=True,
        asked_by="alice",
        stopped_at=AT,
        stopped_by="schedule",
        asleep_at=AT,
        asleep_by="alice",
        sleeps=2,
        starting_at=AT,
        start_seconds="[180.5]",
        rotated_at=AT,
        updated_at=AT,
    ),
    HostRow(
        generation=3,
        role=Role.DRAINING,
        instance_id="i-1",
        address="192.0.2.1",
        phase="serving",
        percent=40.5,
        cause="c",
        warnings=("disk full", "no zone"),
        phase_at=AT,
        reported_at=AT,
        report_seconds=30,
        launched_at=AT,
        served_at=AT,
        ended_at=AT,
        instance_type="g6.xlarge",
        zone="us-east-1a",
        market="spot",
        price_usd_hour=0.5,
        volume_usd_hour=0.02,
        address_usd_hour=0.005,
        stopped_at=AT,
        started_at=AT,
        ran="{}",
        requests=7,
        errors=1,
        requests_before=2,
        errors_before=1,
        running=0,
        last_request_at=AT,
        unwell_at=AT,
        blame="hardware",
        asked_at=AT,
        asked_by="repair-demo-1",
        asked_for="unwell",
        asked_times=2,
        planned="reboot",
        planned_at=AT,
        spec_digest="0123456789abcdef",
        ttl_seconds=60,
        timeout_seconds=600,
        release="0.1.0",
    ),
    SpecRow(at=AT, by="alice", generation=3, spec='{"name": "demo"}', changed="[]"),
    AwaitRow(token="t", instance_id="i-1", generation=3),
    LockRow(owner="e", acquired_at=AT),
    IncidentRow(
        opened_at=AT,
        began_at=AT,
        trigger="lost",
        instance_id="i-1",
        generation=3,
        execution="e",
        closed_at=AT,
        outcome="repaired",
        replaced_by="i-2",
        seconds=4.5,
        source="ec2",
        detected_at=AT,
        cause="c",
        rungs="[]",
        unserved_seconds=3.5,
        failed_requests=2,
        errors_before=1,
        cost_usd=0.25,
        evidence="evidence/1/",
    ),
    NoticeRow(kind="repaired", key="k", at=AT, sent_at=AT, repeats=2),
]
BARE = [DeploymentRow(), HostRow(generation=1), AwaitRow(token="t"), LockRow(), IncidentRow()]


def kind(row):
    return type(row).__name__


@pytest.mark.parametrize("row", FULL, ids=kind)
def test_these_rows_leave_no_field_out(row):
    given = row.values()

    assert set(given) == {each.name for each in fields(row)}
    assert None not in given.values()


@pytest.mark.parametrize("row", [*FULL, *BARE], ids=kind)
def test_a_row_is_read_as_it_was_written(row):
    assert type(row).of(unpack(pack(row.values()))) == row


def test_a_resources_row_is_read_as_it_was_written():
    values = {"state": "ready", "id": "x", "token": "t", "generation": 1}
    values |= {"intended_at": AT, "changed_at": AT}
    facts = {"address": "192.0.2.1", "name": "n"}

    row = ResourceRow.of(unpack(pack({"sk": "resource#vpc", "pk": "demo", **values, **facts})))

    assert row == ResourceRow(kind="vpc", facts=facts, **values)


@pytest.mark.parametrize(
    ("of", "attribute", "known"),
    [
        (DeploymentRow, "desired", Desired),
        (DeploymentRow, "status", Status),
        (HostRow, "role", Role),
    ],
)
def test_a_word_of_a_later_version_is_unknown(of, attribute, known):
    row = of.of({"generation": 1, attribute: "moonbeam"})

    assert getattr(row, attribute) is known.UNKNOWN


@pytest.mark.parametrize("row", FULL, ids=kind)
def test_an_attribute_of_a_later_version_is_left_out(row):
    stored = unpack(pack({**row.values(), "moonbeam": 7, "pk": "demo", "sk": "x"}))

    assert type(row).of(stored) == row


@pytest.mark.parametrize("stored", ["", "no JSON", "[]", "7", {"model": "m"}, None])
def test_a_specification_of_another_form_is_empty(stored):
    assert DeploymentRow.of({"spec": stored}).specification() == {}


def test_the_task_token_is_in_no_representation():
    assert "secret" not in repr(AwaitRow(token="secret"))


# -- a deployment's row of version 1 -------------------------------------------------------------

SERVED = {
    "desired": "present",
    "status": "serving",
    "generation": 3,
    "served_at": AT,
    "instance_id": "i-1",
    "served_instance": "i-1",
    "phase": "serving",
    "phase_at": AT,
    "reported_at": AT,
    "warnings": "disk full\nno zone",
}
UNSERVED = {
    "desired": "present",
    "status": "provisioning",
    "generation": 1,
    "instance_id": "i-1",
    "phase": "weights",
    "phase_percent": 40,
    "phase_cause": "slow",
}
SERVING_HOST = HostRow(
    generation=3,
    role=Role.SERVING,
    instance_id="i-1",
    phase="serving",
    phase_at=AT,
    reported_at=AT,
    served_at=AT,
    warnings=("disk full", "no zone"),
)
CANDIDATE = HostRow(
    generation=1, role=Role.CANDIDATE, instance_id="i-1", phase="weights", percent=40, cause="slow"
)
EARLIER = pytest.mark.parametrize(
    ("values", "host", "generation"),
    [(SERVED, SERVING_HOST, 3), (UNSERVED, CANDIDATE, 0)],
    ids=["served", "unserved"],
)


def contents(ledger):
    return sorted(ledger.rows(), key=lambda row: row["sk"])


@EARLIER
def test_an_earlier_versions_host_is_read_before_it_is_adopted(workflow, values, host, generation):
    workflow.ledger.put(DEPLOYMENT, values)

    assert workflow.ledger.hosts() == [host]


@EARLIER
def test_an_earlier_versions_host_gets_a_row_of_its_own_once(workflow, values, host, generation):
    ledger = workflow.ledger
    ledger.put(DEPLOYMENT, values)
    ledger.adopt_earlier_host()
    once = contents(ledger)

    ledger.adopt_earlier_host()

    assert contents(ledger) == once
    assert ledger.hosts() == [host]
    assert set(ledger.read(DEPLOYMENT)) & set(EARLIER_HOST) == set()
    row = ledger.deployment()
    assert (row.generation, row.latest_generation) == (generation, host.generation)
    assert (row.desired, row.status, row.served_at) == (
        values["desired"],
        values["status"],
        values.get("served_at"),
    )


def test_an_adoption_needs_no_lock(workflow):
    workflow.ledger.put(DEPLOYMENT, SERVED)
    workflow.ledger.put(LOCK, {"owner": "another"})

    replace(workflow.ledger, owner="").adopt_earlier_host()

    assert workflow.ledger.read("host#3")["instance_id"] == "i-1"


def test_of_two_functions_that_adopt_at_once_the_slower_changes_nothing(workflow, monkeypatch):
    ledger = workflow.ledger
    ledger.put(DEPLOYMENT, SERVED)
    read = type(ledger).read

    def overtaken(self, key):
        values = read(self, key)
        monkeypatch.undo()
        ledger.adopt_earlier_host()
        ledger.set_host(3, phase="unhealthy")
        return values

    ledger.put(LOCK, {"owner": ledger.owner})
    monkeypatch.setattr(type(ledger), "read", overtaken)

    ledger.adopt_earlier_host()

    assert ledger.host(3) == replace(SERVING_HOST, phase="unhealthy")


def test_where_there_is_no_earlier_host_nothing_is_adopted(workflow):
    workflow.start()
    before = contents(workflow.ledger)

    workflow.ledger.adopt_earlier_host()

    assert contents(workflow.ledger) == before


@pytest.mark.parametrize("row", ["host#1", "await#1", "await"])
def test_a_hosts_or_waits_row_of_another_form_is_passed_over(workflow, row):
    workflow.start()
    workflow.ledger.put(row, {"version": 99, "machine": {"id": "i-1"}})

    assert workflow.ledger.hosts() == []
    assert workflow.ledger.waits() == []
    workflow.ledger.end_waits()
    assert workflow.ledger.read("await#1") is workflow.ledger.read("await") is None
