"""A deployment's row on its way to `stopped` and back, and the host that is halted with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from orchestrator.capacity.spending import accrued
from orchestrator.deployments import lifecycle, stopping
from orchestrator.errors import InvalidRequest, NotFound, Pending, Superseded
from orchestrator.hosts import halting, recovery
from orchestrator.launch import instances
from orchestrator.ledger.rows import (
    LOCK,
    STOP,
    AwaitRow,
    DeploymentRow,
    Desired,
    HostRow,
    Role,
    Status,
)
from orchestrator.repair import unfinished
from orchestrator.spec.parsing import parse

MACHINE = "arn:aws:states:us-east-1:123456789012:execution:lamplighter-{}:one"


@pytest.fixture
def live(complete):
    complete.promote()
    lifecycle.record_serving(complete.ledger, "outside")
    return complete


@pytest.fixture
def stopped(live):
    stopping.request_stop(live.ledger)
    live.clear(halting.halt)
    stopping.begin_stop(live.clients, live.deployment, live.ledger)
    stopping.record_stop(live.ledger)
    return live


def row(workflow):
    return workflow.ledger.deployment()


def test_a_stop_ends_the_waits_of_others_and_not_its_own(live):
    live.ledger.keep_wait(AwaitRow(token="t", instance_id="i", generation=1))
    asked = {}
    for verb in ("repair", STOP):
        live.ledger.put(LOCK, {"owner": MACHINE.format(verb)})
        asked[verb] = stopping.request_stop(live.ledger)

    assert asked == {"repair": {"t"}, STOP: set()}
    assert row(live).desired == Desired.STOPPED


def test_what_has_not_served_is_not_stopped(complete):
    with pytest.raises(InvalidRequest, match="has not served yet: `lamplighter down demo`"):
        stopping.request_stop(complete.ledger)
    with pytest.raises(InvalidRequest, match="has not served yet: `lamplighter up`"):
        stopping.begin_start(complete.ledger)

    assert row(complete).desired == Desired.PRESENT


@pytest.mark.parametrize("act", [stopping.request_stop, stopping.begin_start])
def test_a_teardown_is_not_undone(stopped, act):
    lifecycle.retire(stopped.ledger)

    with pytest.raises(NotFound, match="'demo' is torn down, or about to be"):
        act(stopped.ledger)

    assert row(stopped).desired == Desired.ABSENT


def test_what_is_stopped_costs_its_disk_and_address_only(stopped):
    later = datetime.fromisoformat(row(stopped).stopped_at).replace(hour=23)
    cost = accrued.cost(row(stopped), stopped.ledger.hosts(), later)
    host = stopped.ledger.serving()

    assert cost.hour_usd == pytest.approx(host.volume_usd_hour + host.address_usd_hour)


def test_halting_twice_stops_one_instance_once(live):
    stopping.request_stop(live.ledger)

    first, second = (live.clear(halting.halt) for _ in range(2))

    assert first == second == {"instance_id": live.ledger.serving().instance_id, "kept": True}
    stops = [call for call in live.account.calls if call.operation == "StopInstances"]
    assert len(stops) == 1
    assert live.ledger.serving().planned == STOP


@pytest.mark.parametrize(
    "found",
    [{"InstanceLifecycle": "spot"}, {"InstanceLifecycle": "capacity-block"},
     {"RootDeviceType": "instance-store"}],
)  # fmt: skip
def test_what_ec2_cannot_stop_loses_its_role(live, monkeypatch, found):
    described = instances.describe(live.clients, live.ledger.serving().instance_id) | found
    monkeypatch.setattr(instances, "describe", lambda *_: described)

    assert live.clear(halting.halt)["kept"] is False

    assert live.ledger.serving() is None
    assert live.ledger.hosts()[-1].role == Role.RETIRED
    assert "StopInstances" not in {call.operation for call in live.account.calls}


def test_a_stop_that_failed_resumes_what_runs(live):
    stopping.request_stop(live.ledger)

    assert live.clear(halting.resume) == {"resumed": True}
    assert row(live).desired == Desired.PRESENT


def test_a_stop_that_failed_late_resumes_nothing(stopped):
    assert stopped.clear(halting.resume) == {"resumed": False}
    assert row(stopped).desired == Desired.STOPPED


@pytest.mark.parametrize(
    ("phase", "reason", "todo"),
    [(None, None, "start"), ("failed", None, "replace"), (None, "HostSilent: no word", "replace"),
     (None, "Refused: a quota", "start")],
)  # fmt: skip
def test_a_host_that_failed_its_last_start_is_replaced(stopped, phase, reason, todo):
    stopped.ledger.set_host(1, phase=phase)
    stopped.ledger.record(reason=reason)

    begun = [stopping.begin_start(stopped.ledger) for _ in range(2)]

    assert [each["todo"] for each in begun] == [todo, todo]
    assert (row(stopped).desired, row(stopped).status) == (Desired.PRESENT, Status.STARTING)


@pytest.mark.parametrize(
    ("changes", "is_kept"), [({"budget": {"monthly_usd": 5}}, True), ({"model": "other"}, False)]
)
def test_up_starts_the_host_that_fits_its_specification(stopped, changes, is_kept):
    begun = lifecycle.begin(parse({**stopped.spec, **changes}), stopped.ledger)

    assert begun["stopped"] is is_kept


def test_what_serves_is_not_started(live):
    assert stopping.begin_start(live.ledger)["todo"] == "nothing"
    assert stopping.abandon_start(live.ledger) == {"abandoned": False}
    assert (row(live).desired, row(live).status) == (Desired.PRESENT, Status.SERVING)


def test_a_start_that_failed_is_stopped_again_and_says_why(stopped):
    stopping.begin_start(stopped.ledger)
    assert stopping.abandon_start(stopped.ledger) == {"abandoned": True}

    failed = lifecycle.record_failure(
        stopped.ledger, "start", "Refused", "a quota", stopped.clients.settings
    )

    assert failed == {"error": "Refused", "cause": "a quota", "rollback": False}
    assert (row(stopped).status, row(stopped).reason) == (Status.STOPPED, "Refused: a quota")
    assert unfinished.verb(row(stopped)) is None


def test_a_start_that_left_its_instance_running_is_finished_by_a_stop(stopped):
    stopping.begin_start(stopped.ledger)
    with pytest.raises(Pending):
        recovery.start(stopped.clients, stopped.ledger, 1)
    stopped.account.clock.advance(60)
    recovery.start(stopped.clients, stopped.ledger, 1)
    stopping.abandon_start(stopped.ledger)

    lifecycle.record_failure(stopped.ledger, "start", "Refused", "x", stopped.clients.settings)

    assert row(stopped).status == Status.STOPPING
    assert unfinished.verb(row(stopped)) == "stop"


def test_a_host_keeps_how_long_it_ran_by_month():
    host = HostRow(
        generation=1, launched_at="2026-10-31T20:00:00+00:00",
        stopped_at="2026-11-01T02:00:00+00:00",
    )  # fmt: skip
    now = datetime(2026, 11, 1, 8, tzinfo=UTC)

    kept = accrued.ran(host, now)

    assert kept["started_at"] == now.isoformat()
    assert json.loads(kept["ran"]) == {"2026-10": 4 * 3600, "2026-11": 2 * 3600}
    again = HostRow(**{**host.values(), **kept, "stopped_at": "2026-11-01T09:00:00+00:00"})
    assert json.loads(accrued.ran(again, now)["ran"])["2026-11"] == 3 * 3600
    assert accrued.ran(HostRow(generation=1, launched_at=host.launched_at), now) == {}


def test_the_cost_goes_on_where_a_start_left_it(stopped):
    def cost():
        return accrued.cost(row(stopped), stopped.ledger.hosts(), stopped.account.clock.now())

    stopped.account.clock.advance(3600)
    before = cost()
    with pytest.raises(Pending):
        recovery.start(stopped.clients, stopped.ledger, 1)
    stopped.account.clock.advance(60)
    recovery.start(stopped.clients, stopped.ledger, 1)

    assert cost().total_usd == pytest.approx(before.total_usd, abs=0.01)


@pytest.fixture
def asleep(live):
    stopping.request_stop(live.ledger, sleep=True, asked_by="alice")
    live.clear(halting.halt)
    stopping.begin_stop(live.clients, live.deployment, live.ledger)
    stopping.record_stop(live.ledger)
    return live


def test_what_sleeps_says_since_when_and_who_asked_for_it(asleep):
    now = row(asleep)

    assert (now.desired, now.status, now.asleep_by, now.sleeps) == ("asleep", "asleep", "alice", 1)
    assert now.asleep_at == now.updated_at
    assert now.stopped_at is None
    assert stopping.record_stop(asleep.ledger)["changed"] is False
    assert row(asleep).sleeps == 1


def test_without_a_name_the_workflow_asked_for_it(live):
    stopping.request_stop(live.ledger, sleep=True)

    assert row(live).asleep_by == "execution-of-demo"


def test_a_stop_of_what_sleeps_ends_its_sleep(asleep):
    stopping.request_stop(asleep.ledger)
    stopping.begin_stop(asleep.clients, asleep.deployment, asleep.ledger)
    stopped = stopping.record_stop(asleep.ledger)

    now = row(asleep)
    assert (stopped["outcome"], stopped["changed"]) == ("stopped", True)
    assert (now.desired, now.status, now.asleep_at, now.asleep_by) == (
        "stopped", "stopped", None, None,
    )  # fmt: skip


def test_a_workflow_that_runs_keeps_an_idle_deployment_awake(live):
    live.ledger.put(LOCK, {"owner": MACHINE.format("repair")})

    with pytest.raises(Superseded, match="is at work on 'demo', which does not sleep now"):
        stopping.request_stop(live.ledger, sleep=True, idle=True)

    assert row(live).desired == Desired.PRESENT


def test_a_sleep_that_failed_resumes_what_runs(live):
    stopping.request_stop(live.ledger, sleep=True)

    assert live.clear(halting.resume) == {"resumed": True}
    assert row(live).desired == Desired.PRESENT


def test_a_start_that_failed_sleeps_again_under_another_number(asleep):
    stopping.begin_start(asleep.ledger)

    assert stopping.abandon_start(asleep.ledger) == {"abandoned": True}

    now = row(asleep)
    assert (now.desired, now.sleeps) == (Desired.ASLEEP, 2)
    assert stopping.status_after_failure(asleep.ledger) == Status.ASLEEP


@pytest.mark.parametrize(
    ("facts", "verb"),
    [
        ({"desired": Desired.ASLEEP, "status": Status.STOPPING}, "stop"),
        ({"desired": Desired.ASLEEP, "status": Status.STOPPED}, "stop"),
        ({"desired": Desired.STOPPED, "status": Status.ASLEEP}, "stop"),
        ({"desired": Desired.ASLEEP, "status": Status.ASLEEP}, None),
        ({"desired": Desired.PRESENT, "status": Status.ASLEEP}, "start"),
    ],
)
def test_a_sleep_that_was_left_halfway_is_finished(facts, verb):
    assert unfinished.verb(DeploymentRow(**facts)) == verb


def test_a_number_of_sleeps_outlives_a_teardown(asleep):
    lifecycle.start_teardown(asleep.ledger)
    lifecycle.end_teardown(asleep.ledger)

    now = row(asleep)
    assert (now.sleeps, now.asleep_at, now.asleep_by) == (1, None, None)
