"""The deployment's schedules at EventBridge Scheduler: what each says, how it is made and ends."""

from __future__ import annotations

import json

import pytest
from awssim import Crash, error
from orchestrator.errors import Pending
from orchestrator.schedules import schedule
from orchestrator.spec.parsing import parse
from steps import SPEC, Workflow

NAMES = ["demo.start-0800", "demo.stop-2000"]
GROUP = "lamplighter-schedules"
NIGHT = {"start": "22:00", "stop": "02:00", "days": ["sat"]}


@pytest.fixture
def prepared(provisioned_before):
    return provisioned_before(schedule)


def shown(workflow, name):
    return workflow.clients.scheduler.get_schedule(GroupName=GROUP, Name=name)


def names(workflow):
    listed = workflow.clients.scheduler.list_schedules(GroupName=GROUP)["Schedules"]
    return sorted(each["Name"] for each in listed)


def asks_for(workflow, **changes):
    """From here on the deployment's specification has another schedule; none: it has none."""
    document = {**SPEC, "schedule": {**SPEC["schedule"], **changes}} if changes else {**SPEC}
    if not changes:
        del document["schedule"]
    workflow.deployment = parse(document)


def actions(workflow):
    return {each.action for each in workflow.run(schedule.plan)}


def test_each_edge_has_a_schedule_in_its_own_time_zone_that_starts_one_workflow(complete):
    found = shown(complete, "demo.stop-2000")

    assert names(complete) == NAMES
    assert found["ScheduleExpression"] == "cron(0 20 ? * MON,TUE,WED,THU,FRI *)"
    assert found["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert found["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = found["Target"]
    assert target["Arn"].endswith(":stateMachine:lamplighter-stop")
    assert target["RoleArn"].endswith(":role/lamplighter-scheduler")
    assert json.loads(target["Input"]) == {"name": "demo", "by": "schedule"}
    assert target["DeadLetterConfig"]["Arn"].endswith("-dead-letters")
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 300
    start = shown(complete, "demo.start-0800")["Target"]
    assert start["Arn"].endswith(":stateMachine:lamplighter-start")


def test_a_changed_schedule_is_planned_and_made(complete):
    asks_for(complete, time_zone="America/New_York", on=[*SPEC["schedule"]["on"], NIGHT])
    assert actions(complete) == {"create", "keep", "change"}

    complete.ensure(schedule)

    assert names(complete) == sorted([*NAMES, "demo.start-2200", "demo.stop-0200"])
    assert shown(complete, "demo.stop-2000")["ScheduleExpressionTimezone"] == "America/New_York"
    assert shown(complete, "demo.stop-0200")["ScheduleExpression"] == "cron(0 2 ? * SUN *)"
    assert actions(complete) == {"keep"}


def test_a_schedule_that_is_left_out_is_removed(complete):
    asks_for(complete)
    assert [each.why for each in complete.run(schedule.plan)] == [
        "the specification has no such time"
    ] * 2

    complete.ensure(schedule)

    assert names(complete) == []
    assert complete.run(schedule.plan) == []
    assert complete.ledger.resource("schedule") is None


def test_what_somebody_disabled_or_deleted_is_planned_and_mended(complete):
    about = {key: value for key, value in shown(complete, NAMES[0]).items() if key in KEPT}
    complete.clients.scheduler.update_schedule(**about, State="DISABLED")
    complete.clients.scheduler.delete_schedule(GroupName=GROUP, Name=NAMES[1])
    planned = {(each.action, each.what) for each in complete.run(schedule.plan)}
    assert ("change", "EventBridge schedule demo.start-0800 has another Description, State") in (
        planned
    )

    complete.ensure(schedule)

    assert actions(complete) == {"keep"}


KEPT = {
    *("GroupName", "Name", "ScheduleExpression", "ScheduleExpressionTimezone"),
    *("FlexibleTimeWindow", "Target"),
}


def test_a_create_that_meets_its_own_success_is_one(prepared):
    """The list shows it late, so that the step makes it again."""
    prepared.account.fault(operation="CreateSchedule", when="after", crash=True)
    with pytest.raises(Crash):
        prepared.ensure(schedule)
    token = prepared.ledger.resource("schedule").intended_at
    [stale] = [{"Schedules": []}]
    layer = type("Late", (), {"rules": {"scheduler.ListSchedules": lambda _, __: stale}})()
    layers = prepared.account.layers
    prepared.account.layers = (layer, *layers)

    made = schedule.ensure(prepared.clients, prepared.deployment, prepared.ledger)
    prepared.account.layers = layers

    assert made == {"schedules": NAMES}
    assert prepared.ledger.resource("schedule").intended_at == token
    assert names(prepared) == NAMES


def test_a_lost_reply_is_asked_for_again(prepared):
    lost = error("InternalServerException", status=500)
    prepared.account.fault(operation="CreateSchedule", when="after", error=lost)

    prepared.ensure(schedule)

    assert names(prepared) == NAMES


def test_a_name_that_is_taken_meanwhile_is_looked_at_again(prepared):
    taken = error("ConflictException", "Schedule demo.start-0800 already exists.", status=409)
    prepared.account.fault(operation="CreateSchedule", error=taken)

    with pytest.raises(Pending, match=r"demo.start-0800 was made a moment ago: looking again"):
        schedule.ensure(prepared.clients, prepared.deployment, prepared.ledger)


def test_a_deployment_whose_name_goes_on_is_left_alone(complete, account):
    other = Workflow(account, {**SPEC, "name": "demo-start"})
    other.clients.scheduler.create_schedule(
        GroupName=GROUP,
        **{
            **{k: shown(complete, NAMES[0])[k] for k in KEPT - {"GroupName"}},
            "Name": "demo-start.stop-2000",
        },
    )

    complete.destroy(schedule)

    assert names(complete) == ["demo-start.stop-2000"]
    assert other.clear(schedule.found) == ["EventBridge schedule demo-start.stop-2000"]
    assert complete.clear(schedule.found) == []


def test_a_teardown_waits_for_what_may_not_be_visible_yet(prepared):
    prepared.account.fault(
        operation="CreateSchedule", error=error("InternalError", status=500), times=None
    )
    with pytest.raises(Exception, match="InternalError"):
        schedule.ensure(prepared.clients, prepared.deployment, prepared.ledger)

    with pytest.raises(Pending, match="not visible yet"):
        schedule.destroy(prepared.clients, prepared.ledger)
    prepared.account.clock.advance(60)
    schedule.destroy(prepared.clients, prepared.ledger)

    assert prepared.ledger.resource("schedule") is None


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["CreateSchedule", "UpdateSchedule", "DeleteSchedule"])
def test_a_change_that_died_at_any_call_is_finished_by_the_next(complete, operation, when):
    """One edge stays with another zone, one is new, one is not wanted any more."""
    later = {**SPEC["schedule"]["on"][0], "stop": "21:00"}
    asks_for(complete, time_zone="America/New_York", on=[later])
    complete.account.fault(operation=operation, when=when, crash=True)
    with pytest.raises(Crash):
        complete.ensure(schedule)

    complete.ensure(schedule)

    assert names(complete) == ["demo.start-0800", "demo.stop-2100"]
    assert actions(complete) == {"keep"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_removal_that_died_is_finished_by_the_next(complete, when):
    complete.account.fault(operation="DeleteSchedule", when=when, crash=True)
    with pytest.raises(Crash):
        complete.destroy(schedule)

    complete.destroy(schedule)

    assert names(complete) == []
