"""Repair decisions: only the current, wanted, really lost instance is replaced, and once."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from awssim import error as refusal
from orchestrator.deployments import lifecycle
from orchestrator.errors import HostLost, InvalidRequest, Pending, Refused
from orchestrator.events import instance_events
from orchestrator.hosts import probe
from orchestrator.launch import instances
from orchestrator.ledger.rows import LOCK, AwaitRow, Desired
from orchestrator.repair import diagnosis, incidents, triggers
from orchestrator.repair.triggers import Trigger
from orchestrator.resources import instance
from orchestrator.spec.parsing import parse

STATE = "EC2 Instance State-change Notification"


def event(kind=STATE, state="terminated", identifier="i-1"):
    return {"detail-type": kind, "detail": {"instance-id": identifier, "state": state}}


@pytest.fixture
def live(complete, monkeypatch):
    """A deployment that serves; the probe confirms it."""
    lifecycle.record_serving(complete.ledger, "outside")
    monkeypatch.setattr(probe, "ready", lambda *_: None)
    return complete


def check(workflow, opened_at=None, **request):
    trigger, opened = Trigger.of_request(request), opened_at or workflow.ledger.time()
    return incidents.check(workflow.clients, workflow.deployment, workflow.ledger, trigger, opened)


def current(workflow):
    return workflow.ledger.serving().instance_id


def terminate(workflow):
    workflow.clients.ec2.terminate_instances(InstanceIds=[current(workflow)])


def recorded(workflow):
    return [row for row in workflow.ledger.rows() if row["sk"].startswith("incident#")]


def test_an_instance_without_our_tag_belongs_to_nobody(live, account):
    with account.uncounted():
        image = live.clients.ec2.describe_images()["Images"][0]["ImageId"]
        launched = live.clients.ec2.run_instances(
            ImageId=image, InstanceType="t3.large", MinCount=1, MaxCount=1
        )
    foreign = launched["Instances"][0]["InstanceId"]

    assert triggers.deployment_of(live.clients, Trigger("lost", foreign)) is None
    assert triggers.deployment_of(live.clients, Trigger("lost", current(live))) == "demo"


def received(live, monkeypatch, sent):
    monkeypatch.setattr(instance_events, "aws", lambda: live.clients)
    monkeypatch.setattr("orchestrator.step.aws", lambda: live.clients)
    return instance_events.receive(sent, None)


@pytest.fixture
def candidate(live):
    """The instance of a repair's new host, for which its workflow waits."""
    launched = live.run(partial(instance.replace, generation=1))
    identifier = launched["instance_id"]
    live.ledger.keep_wait(AwaitRow(token="t", instance_id=identifier, generation=2))
    return identifier


def test_the_loss_of_a_host_that_a_workflow_waits_for_starts_no_repair(
    live, candidate, monkeypatch
):
    answers = []
    monkeypatch.setitem(live.clients.__dict__, "sfn", SimpleNamespace(
        send_task_failure=lambda **answer: answers.append(answer["error"])
    ))  # fmt: skip

    answer = received(live, monkeypatch, event(identifier=candidate))

    assert answer == {"answered": "demo"}
    assert answers == ["HostLost"]


def test_a_warning_about_a_host_that_a_workflow_waits_for_waits_for_its_end(
    live, candidate, monkeypatch
):
    warning = event("EC2 Spot Instance Interruption Warning", identifier=candidate)

    answer = received(live, monkeypatch, warning)

    assert "its end will be an event too" in answer["ignored"]


def test_the_loss_of_a_candidate_that_is_not_waited_for_concerns_no_host_that_serves(
    live, candidate, monkeypatch
):
    live.ledger.end_waits()

    answer = received(live, monkeypatch, event(identifier=candidate))

    assert "is not the instance that 'demo' should have now" in answer["ignored"]


def test_what_no_repair_improves_only_an_operator_tries_again(live):
    live.ledger.record(status="failed", reason="NotRepairable: the model is too large")
    terminate(live)

    late = check(live, instance_id=current(live), trigger="late", source="ec2")

    assert "lamplighter repair demo" in late["why"]
    assert check(live, reason="by hand")["todo"] == "replace"


@pytest.mark.parametrize("name", ["stopping", "stopped", "shutting-down", "terminated"])
def test_a_host_that_ec2_ends_is_lost(live, monkeypatch, name):
    monkeypatch.setattr(instances, "describe", lambda *_: {"State": {"Name": name}})

    assert f"i-1 is {name}" in str(instances.lost(live.clients, "i-1"))


@pytest.mark.parametrize("found", [None, {"State": {"Name": "pending"}}])
def test_a_host_that_may_still_come_is_not_lost(live, monkeypatch, found):
    monkeypatch.setattr(instances, "describe", lambda *_: found)

    assert instances.lost(live.clients, "i-1") is None


@pytest.mark.parametrize(("code", "error"), [
    ("Client.UserInitiatedShutdown", HostLost),
    ("Client.InstanceInitiatedShutdown", HostLost),
    ("Server.SpotInstanceTermination", HostLost),
    ("Server.InsufficientInstanceCapacity", HostLost),
    ("", HostLost),
    ("Client.VolumeLimitExceeded", Refused),
    ("Client.InternalError", Refused),
    ("Client.InvalidSnapshot.NotFound", Refused),
])  # fmt: skip
def test_what_ended_an_instance_decides_whether_another_one_may_do(live, monkeypatch, code, error):
    ended = {"State": {"Name": "terminated"}, "StateReason": {"Code": code, "Message": "why"}}
    monkeypatch.setattr(instances, "describe", lambda *_: ended)

    lost = instances.lost(live.clients, "i-1")

    assert type(lost) is error
    assert str(lost).startswith("i-1 is terminated: why")


def test_a_lost_instance_opens_one_incident_however_often_it_is_checked(live):
    lost = current(live)
    terminate(live)
    opened = live.ledger.time()

    first = check(live, opened, instance_id=lost, trigger="lost")
    second = check(live, opened, instance_id=lost, trigger="lost")

    assert first["todo"] == "replace"
    assert second["todo"] == "replace"
    assert [row["trigger"] for row in recorded(live)] == ["lost"]


def test_two_repairs_noticed_in_the_same_millisecond_have_a_record_each_in_their_order(live):
    lost = current(live)
    terminate(live)
    opened = live.ledger.time()
    first, second = (taken_over(live, name) for name in ("z", "a"))

    for ledger in (first, second):
        ledger.put(LOCK, {"owner": ledger.owner})
        incidents.check(live.clients, live.deployment, ledger, Trigger("lost", lost), opened)
        incidents.abandon(live.clients, ledger, opened)

    in_order = sorted(recorded(live), key=lambda row: row["began_at"])
    assert [row["execution"] for row in in_order] == [first.owner, second.owner]
    assert [row["outcome"] for row in in_order] == ["failed", "failed"]


def taken_over(workflow, execution):
    """The ledger as another workflow sees it."""
    return dataclasses.replace(
        workflow.ledger, owner=f"arn:aws:states:execution:repair:{execution}"
    )


def test_a_workflow_closes_no_incident_but_its_own(live):
    opened = live.ledger.time()
    check(live, force=True, opened_at=opened)
    other = taken_over(live, "other")
    other.put(LOCK, {"owner": other.owner})

    incidents.abandon(live.clients, other, opened)

    assert ["closed_at" in row for row in recorded(live)] == [False]


def test_the_replacement_is_one_instance_however_often_it_is_asked_for(live, account):
    terminate(live)
    generation = check(live)["generation"]

    first = live.run(partial(instance.replace, generation=generation))
    second = live.run(partial(instance.replace, generation=generation))

    assert first == second
    assert first["generation"] == generation + 1
    assert len([c for c in account.calls if c.operation == "RunInstances"]) == 1


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"instance_id": "i-0ld"}, "i-0ld is not the current instance"),
        ({}, "the instance runs and the endpoint answers"),
    ],
)
def test_no_repair_of_what_is_well(live, request_, why):
    answer = check(live, **request_)

    assert answer["todo"] == "nothing"
    assert why in answer["why"]
    assert recorded(live) == []


def test_a_running_instance_that_does_not_answer_is_reconnected_first(live, monkeypatch):
    live.ledger.set_host(1, phase="serving", phase_at=live.ledger.time())
    monkeypatch.setattr(probe, "ready", silent)

    assert check(live)["todo"] == "reconnect"


@pytest.mark.parametrize(("silence", "repair"), [(0, False), (1000, True)])
def test_behind_a_closed_door_a_fresh_report_counts(live, monkeypatch, account, silence, repair):
    monkeypatch.setattr(probe, "ready", silent)
    live.deployment = parse({**live.spec, "network": {"allowed_cidrs": ["203.0.113.0/24"]}})
    live.ledger.set_host(1, phase="serving", phase_at=live.ledger.time())
    account.clock.advance(silence)

    assert (check(live)["todo"] == "reconnect") is repair


@pytest.mark.parametrize(
    ("every", "seconds", "todo"),
    [(30, 110, "nothing"), (30, 130, "restart"), (None, 170, "nothing"), (None, 190, "restart")],
)
def test_an_agent_that_misses_its_own_reports_is_restarted(live, account, every, seconds, todo):
    """A host of an earlier version does not say how often it reports."""
    said = {"phase": "serving", "phase_at": live.ledger.time(), "report_seconds": every}
    live.ledger.set_host(1, **said)
    account.clock.advance(seconds)

    assert check(live)["todo"] == todo


def silent(*_):
    raise Pending("no answer")


@pytest.mark.parametrize(
    "request_", [{"rung": "pray"}, {"at": "0"}, {"at": 7}, {"at": "2026-01-01T00:00:00"}]
)
def test_a_request_that_means_nothing_is_refused_before_anything_is_done(live, request_):
    with pytest.raises(InvalidRequest, match=next(iter(request_))):
        check(live, **request_)

    assert recorded(live) == []


@pytest.mark.parametrize("request_", [{"force": True}, {"interrupted": True}])
def test_force_and_doom_replace_a_healthy_one(live, request_):
    assert check(live, **request_)["todo"] == "replace"


def test_no_repair_of_what_is_not_wanted(live):
    lifecycle.retire(live.ledger)
    terminate(live)

    assert check(live)["why"] == "the deployment is not wanted any more"


def test_predecessors_go_once_the_successor_serves(live):
    old = current(live)
    generation = check(live, force=True)["generation"]
    live.run(partial(instance.replace, generation=generation))

    assert instances.state(live.clients, old) == "running"
    live.promote()
    live.clear(instance.destroy_predecessors)

    assert instances.state(live.clients, old) == "shutting-down"
    assert instances.state(live.clients, current(live)) in {"pending", "running"}


def test_an_incident_is_closed_with_what_it_took(live, account):
    old = current(live)
    opened = live.ledger.time()
    check(live, force=True, opened_at=opened)
    live.run(partial(instance.replace, generation=1))
    live.promote()
    account.clock.advance(10)

    incidents.close(live.clients, live.ledger, opened, old, "repaired")

    [row] = recorded(live)
    assert (row["outcome"], row["replaced_by"]) == ("repaired", current(live))
    assert row["seconds"] >= 10


def test_a_failed_repair_closes_its_incident_as_failed(live):
    opened = live.ledger.time()
    check(live, force=True, opened_at=opened)

    incidents.abandon(live.clients, live.ledger, opened)

    assert [row["outcome"] for row in recorded(live)] == ["failed"]


@pytest.mark.parametrize("desired", [Desired.ASLEEP, Desired.STOPPED, "dreaming"])
def test_what_is_not_wanted_to_run_is_not_repaired(live, desired):
    live.ledger.record(desired=desired)
    terminate(live)

    assert check(live, force=True)["todo"] == "nothing"
    assert recorded(live) == []


def test_the_incidents_of_an_earlier_deployment_of_this_name_are_not_this_ones(live):
    check(live, force=True)
    row = live.ledger.deployment()
    later = (live.ledger.now() + timedelta(seconds=1)).isoformat()

    found = {
        began: len(diagnosis.history(live.ledger, dataclasses.replace(row, began_at=began)))
        for began in (row.began_at, None, later)
    }

    assert found == {row.began_at: 1, None: 1, later: 0}


def end_of_a_failed_repair(live, opened):
    live.clear(instance.destroy_candidates)
    lifecycle.record_failure(live.ledger, "repair", "Refused", "no quota", live.clients.settings)
    incidents.abandon(live.clients, live.ledger, opened)


def test_a_forced_repair_that_a_quota_refuses_leaves_what_serves_as_it_was(live, account):
    before, opened = live.ledger.serving(), live.ledger.time()
    generation = check(live, opened, force=True)["generation"]
    account.fault(operation="RunInstances", error=refusal("VcpuLimitExceeded", "quota"))
    with pytest.raises(Refused):
        live.run(partial(instance.replace, generation=generation))

    end_of_a_failed_repair(live, opened)
    launches = [c for c in account.calls if c.operation == "RunInstances"]
    again = live.ensure(instance)

    row = live.ledger.deployment()
    assert (row.status, row.generation) == ("serving", 1)
    assert live.ledger.serving() == before
    assert (again["instance_id"], again["generation"]) == (before.instance_id, 1)
    assert [c for c in account.calls if c.operation == "RunInstances"] == launches


def test_a_candidate_that_fails_is_ended_and_what_serves_goes_on(live, candidate):
    end_of_a_failed_repair(live, live.ledger.time())

    assert instances.state(live.clients, candidate) == "shutting-down"
    assert instances.state(live.clients, current(live)) == "running"
    assert live.ledger.deployment().status == "serving"


@pytest.mark.parametrize("promoted", [False, True])
def test_what_an_aborted_repair_left_is_finished_to_one_host(live, candidate, promoted):
    if promoted:
        live.promote()

    answer = check(taken_over_lock(live))
    live.clear(instance.destroy_predecessors)

    assert answer["todo"] == "finish"
    assert answer["instance_id"] == current(live)
    assert (current(live) == candidate) is promoted
    alive = [h.instance_id for h in live.ledger.hosts() if h.role != "retired"]
    assert alive == [current(live)]
    there = (instances.state(live.clients, h.instance_id) for h in live.ledger.hosts())
    assert sum(state in instances.ALIVE for state in there) == 1


def test_a_repair_that_was_aborted_is_counted_by_the_next_one(live, capsys):
    check(live, force=True)
    capsys.readouterr()

    check(taken_over_lock(live))

    [aborted, *_] = recorded(live)
    assert aborted["outcome"] == "aborted"
    assert "IncidentsNotRepaired" in capsys.readouterr().out


def taken_over_lock(live):
    """Another repair has the lock by now."""
    live.ledger = taken_over(live, "next")
    live.ledger.put(LOCK, {"owner": live.ledger.owner})
    return live


def test_an_incident_has_the_cost_of_the_hosts_that_it_took(live):
    lost = current(live)
    terminate(live)
    opened = live.ledger.time()
    check(live, opened)
    live.run(partial(instance.replace, generation=1, repairing=True))
    live.account.clock.advance(3600)
    live.promote()

    incidents.close(live.clients, live.ledger, opened, lost, "repaired")

    [row], host = recorded(live), live.ledger.serving()
    hourly = host.price_usd_hour + host.volume_usd_hour + host.address_usd_hour
    assert row["cost_usd"] == pytest.approx(hourly, rel=0.01)
