"""Host reports: what is believed, and what the waiting workflow hears of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from orchestrator.deployments import lifecycle
from orchestrator.errors import HostLost, InvalidRequest, NotFound, Pending, Superseded
from orchestrator.hosts import probe, proof, serving
from orchestrator.hosts.reports import Report
from orchestrator.ledger.rows import Role

SECOND = timedelta(seconds=1)


@pytest.fixture
def waiting(workflow, step_functions, monkeypatch):
    """A deployment whose workflow waits for i-1, generation 1."""
    workflow.start()
    workflow.ledger.set_host(1, role=Role.CANDIDATE, instance_id="i-1", phase="launched")
    monkeypatch.setattr(probe, "serves", lambda *_: "m")
    monkeypatch.setattr(proof.keys, "read", lambda *_: "sk-secret")
    monkeypatch.setattr(proof.instances, "address", lambda *_: "52.0.0.1")
    await_(workflow, "secret-task-token")
    return workflow


def await_(workflow, token="token", generation=1):
    step = (workflow.clients, workflow.deployment, workflow.ledger)
    serving.await_(*step, generation=generation, task_token=token)


def receive(workflow, phase, instance="i-1", **facts):
    said = (facts.get("percent"), facts.get("cause"), facts.get("sent_at"))
    report = Report("demo", instance, phase, *said, facts.get("warnings", ()))
    return serving.receive(workflow.clients, workflow.ledger, report)


def test_progress_is_recorded_and_keeps_the_workflow_waiting(waiting):
    assert receive(waiting, "weights", percent=40) == "waiting"

    host = waiting.ledger.host(1)
    assert (host.phase, host.percent, host.role) == ("weights", 40, Role.CANDIDATE)
    assert waiting.clients.sfn.answers == [
        ("send_task_heartbeat", {"taskToken": "secret-task-token"})
    ]


def test_the_newest_warnings_are_kept_and_no_others(waiting):
    receive(waiting, "loading", warnings=("disk full", "no zone"))
    before = waiting.ledger.host(1).warnings
    receive(waiting, "loading")

    assert before == ("disk full", "no zone")
    assert waiting.ledger.host(1).warnings == ()


@pytest.mark.parametrize("warnings", ["disk full", {"a": 1}, 7])
def test_warnings_that_are_no_list_are_refused(warnings):
    detail = {"deployment": "demo", "instance_id": "i-1", "phase": "serving", "warnings": warnings}

    with pytest.raises(InvalidRequest, match=r"detail\.warnings"):
        Report.parse({"source": "lamplighter.host.demo", "detail": detail})


def test_warnings_are_bounded_and_a_line_each():
    detail = {"deployment": "demo", "instance_id": "i-1", "phase": "serving"}

    detail["warnings"] = ["a\nb", 7, "x" * 5000] + ["y"] * 99
    report = Report.parse({"source": "lamplighter.host.demo", "detail": detail})

    assert report.warnings[:2] == ("a b", "7")
    assert len(report.warnings) == 10
    assert len(report.warnings[2]) == 1000


def test_serving_is_believed_after_a_look_at_the_hosts_own_address(waiting, monkeypatch):
    asked = []
    monkeypatch.setattr(probe, "serves", lambda *how: asked.append(how))

    assert receive(waiting, "serving") == "served"

    [(call, said)] = waiting.clients.sfn.answers
    assert call == "send_task_success"
    assert json.loads(said["output"]) == {"probed_from": "outside"}
    assert asked == [("https://52.0.0.1", "sk-secret", "infer.example.com")]
    assert waiting.ledger.host(1).address == "52.0.0.1"


def test_a_closed_door_is_not_an_outage(waiting, monkeypatch):
    """The allowed ranges shut our probe out: the host's own check counts, and is named."""
    spec = {**waiting.spec, "network": {"allowed_cidrs": ["203.0.113.0/24"]}}
    waiting.ledger.record(spec=json.dumps(spec))
    monkeypatch.setattr(probe, "serves", None)

    assert receive(waiting, "serving") == "served"
    assert '"probed_from": "host"' in waiting.clients.sfn.answers[0][1]["output"]


def test_serving_that_nobody_can_reach_makes_the_workflow_look_again(waiting, monkeypatch):
    def closed(*_):
        raise Pending("no answer")

    monkeypatch.setattr(probe, "serves", closed)

    assert receive(waiting, "serving") == "unreachable"
    said = {"taskToken": "secret-task-token", "error": "Pending", "cause": "no answer"}
    assert waiting.clients.sfn.answers == [("send_task_failure", said)]


def test_a_failure_ends_the_wait_with_its_cause(waiting):
    assert receive(waiting, "failed", cause="the model is gated") == "failed"

    said = {"taskToken": "secret-task-token", "error": "HostFailed", "cause": "the model is gated"}
    assert waiting.clients.sfn.answers == [("send_task_failure", said)]


def test_a_host_that_ec2_takes_away_ends_the_wait_at_once(waiting):
    assert serving.lose(waiting.clients, waiting.ledger, "i-1", "spot interruption")

    lost = {"taskToken": "secret-task-token", "error": "HostLost", "cause": "spot interruption"}
    assert waiting.clients.sfn.answers == [("send_task_failure", lost)]


@pytest.mark.parametrize("spoil", [
    lambda flow: setattr(flow.clients.sfn, "gone", True),
    lambda flow: flow.ledger.erase("await#1"),
    lambda flow: flow.ledger.update("await#1", {"instance_id": "i-2"}),
])  # fmt: skip
def test_the_loss_of_a_host_that_no_workflow_waits_for_answers_none(waiting, spoil):
    spoil(waiting)

    assert not serving.lose(waiting.clients, waiting.ledger, "i-1", "spot interruption")
    assert waiting.clients.sfn.answers == []


@pytest.mark.parametrize("end", ["stop_instances", "terminate_instances"])
def test_a_host_that_was_lost_before_the_wait_began_is_not_waited_for(workflow, end):
    workflow.provision()
    instance_id = workflow.ledger.serving().instance_id
    getattr(workflow.clients.ec2, end)(InstanceIds=[instance_id])

    with pytest.raises(HostLost, match=instance_id):
        await_(workflow)


def test_a_teardown_that_began_before_the_token_was_kept_ends_the_wait(waiting):
    waiting.ledger.erase("await#1")
    assert lifecycle.retire(waiting.ledger) == set()

    with pytest.raises(Superseded, match="'demo' is being torn down"):
        await_(waiting)


def test_a_host_that_was_faster_than_the_workflow_is_heard(waiting):
    receive(waiting, "serving")
    waiting.clients.sfn.answers.clear()

    await_(waiting, "second token")

    assert waiting.clients.sfn.answers[0][1]["taskToken"] == "second token"


def rows(workflow):
    return [row for row in workflow.ledger.rows() if not row["sk"].startswith("event#")]


def test_an_unknown_host_changes_nothing(waiting):
    before = rows(waiting)

    assert receive(waiting, "failed", instance="i-0") == "ignored"

    assert rows(waiting) == before
    assert waiting.clients.sfn.answers == []


def test_a_report_that_was_overtaken_changes_nothing(waiting):
    earlier, later = waiting.ledger.time(), (waiting.ledger.now() + SECOND).isoformat()
    receive(waiting, "serving", sent_at=later)

    assert receive(waiting, "loading", sent_at=earlier) == "ignored"
    assert waiting.ledger.host(1).phase == "serving"


def test_a_report_from_the_future_silences_no_later_one(waiting, account):
    receive(waiting, "loading", sent_at="2099-01-01T00:00:00.000000+00:00")
    account.clock.advance(61)

    receive(waiting, "serving", sent_at=waiting.ledger.time())

    assert waiting.ledger.host(1).phase == "serving"


def test_a_report_delivered_twice_is_one(waiting):
    said = {"sent_at": waiting.ledger.time(), "warnings": ("disk full",)}
    receive(waiting, "loading", **said)
    once = waiting.ledger.host(1)

    receive(waiting, "loading", **said)

    assert replace(waiting.ledger.host(1), phase_at=once.phase_at) == once
    notes = [row for row in waiting.ledger.rows("event#") if row["what"] == "phase"]
    assert len(notes) == 1


def test_the_report_of_a_host_that_has_ended_changes_nothing(waiting):
    waiting.ledger.set_host(1, role=Role.RETIRED)
    before = rows(waiting)

    assert receive(waiting, "failed") == "ignored"

    assert rows(waiting) == before
    assert waiting.clients.sfn.answers == []


def test_a_report_counts_for_the_host_that_sent_it(waiting):
    waiting.ledger.set_host(1, role=Role.SERVING, phase="serving")
    waiting.ledger.end_waits()
    waiting.ledger.set_host(2, role=Role.CANDIDATE, instance_id="i-2", phase="launched")
    await_(waiting, "second token", generation=2)
    one, deployment = waiting.ledger.host(1), waiting.ledger.deployment()

    assert receive(waiting, "failed", instance="i-2", cause="no driver") == "failed"

    assert waiting.ledger.host(1) == one
    assert waiting.ledger.deployment() == deployment
    assert waiting.ledger.host(2).cause == "no driver"
    assert [said["taskToken"] for _, said in waiting.clients.sfn.answers] == ["second token"]


def test_the_report_of_a_predecessor_answers_no_wait_for_its_successor(waiting):
    waiting.ledger.set_host(1, role=Role.SERVING, phase="serving")
    waiting.ledger.end_waits()
    waiting.ledger.set_host(2, role=Role.CANDIDATE, instance_id="i-2", phase="launched")
    await_(waiting, "second token", generation=2)

    assert receive(waiting, "serving") == "recorded"

    assert waiting.clients.sfn.answers == []
    assert waiting.ledger.host(2).phase == "launched"


def test_a_host_that_was_not_launched_is_not_waited_for(waiting):
    with pytest.raises(HostLost, match="generation 7 of 'demo' was not launched"):
        await_(waiting, generation=7)


def test_times_of_any_zone_compare():
    detail = {"deployment": "demo", "instance_id": "i-1", "phase": "loading"}
    detail["sent_at"] = "2026-11-23T12:00:00+02:00"

    report = Report.parse({"source": "lamplighter.host.demo", "detail": detail})

    assert report.sent_at == "2026-11-23T10:00:00.000000+00:00"


def test_a_workflow_that_ended_meanwhile_is_no_error(waiting):
    waiting.clients.sfn.gone = True

    assert receive(waiting, "loading") == "recorded"
    assert waiting.ledger.host(1).phase == "loading"
    assert waiting.ledger.waits() == []


def test_once_it_serves_its_reports_cost_no_probe_any_more(waiting, monkeypatch):
    receive(waiting, "serving")
    lifecycle.record_serving(waiting.ledger, "outside")
    monkeypatch.setattr(probe, "serves", None)

    assert receive(waiting, "serving") == "recorded"


def test_a_report_about_nothing_known_is_reported(workflow):
    with pytest.raises(NotFound):
        receive(workflow, "booting")


def test_the_task_token_is_in_no_other_row(waiting):
    others = [row for row in waiting.ledger.rows() if row["sk"] != "await#1"]

    assert "secret-task-token" not in json.dumps(others)


@pytest.mark.parametrize(
    "detail",
    [
        None,
        [],
        {},
        {"deployment": "demo", "instance_id": "i-1"},
        {"deployment": "demo", "instance_id": "i-1", "phase": "dancing"},
        {"deployment": "", "instance_id": "i-1", "phase": "serving"},
        {"deployment": ["demo"], "instance_id": "i-1", "phase": "serving"},
        {"deployment": "demo", "instance_id": "i-1", "phase": "loading", "percent": "half"},
        {"deployment": "demo", "instance_id": "i-1", "phase": "loading", "percent": True},
        {"deployment": "demo", "instance_id": "i-1", "phase": "loading", "sent_at": "noon"},
    ],
)
def test_a_malformed_report_is_refused(detail):
    with pytest.raises(InvalidRequest):
        Report.parse({"source": "lamplighter.host.demo", "detail": detail})
