"""A deployment with a schedule, in virtual time: a fortnight, the changes of the clocks, people."""

from __future__ import annotations

import functools
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from awssim import error
from simlab import World
from simulation.replacement import DOMAIN, rows
from simulation.test_stop_and_start import deployment, state

pytestmark = pytest.mark.timeout(900)  # days take CPU, beside others too

WEEKDAYS = {"start": "08:00", "stop": "20:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
OFFICE = {**DOMAIN, "schedule": {"time_zone": "Europe/Berlin", "on": [WEEKDAYS]}}
NIGHTLY = {"start": "18:00", "stop": "02:30"}  # the clocks skip 02:30 in spring
BATCH = {**DOMAIN, "schedule": {"time_zone": "Europe/Berlin", "on": [NIGHTLY]}}
RARE = {"report_seconds": 600, "look_seconds": 900}
EVENING = "2026-03-23T18:30"  # a Monday; it serves a quarter of an hour later, and is to stop at 19


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@contextmanager
def serving_at(moment, spec, seed, **how):
    """A world in which the deployment was asked for at this moment, UTC, and serves."""
    saved, first = _provisioned(moment, json.dumps(spec))
    with World.open(seed, restore=lambda account: account.restore(saved), **how) as world:
        yield world, dict(first)


@functools.cache
def _provisioned(moment, spec):
    with World.open(seed=2_000, look_seconds=900) as world:
        pass_until(world, moment)
        first = world.up(**json.loads(spec))
        return world.saved(), first


def pass_until(world, moment):
    world.clock.advance((utc(moment) - world.clock.now()).total_seconds())


def live_until(world, moment):
    world.pass_(seconds=(utc(moment) - world.clock.now()).total_seconds())


def entered(world, status):
    """The moments at which the instance entered this state, to the hour."""
    start = world.clock.now() - timedelta(seconds=world.clock.seconds)
    times = [m.seconds for m in world.history.of("instance", state=status)]
    return [f"{start + timedelta(seconds=each):%m-%d %H}" for each in times]


def test_two_weeks_of_office_hours_and_the_clocks_go_forward_between_them():
    with serving_at(EVENING, OFFICE, seed=81, report_seconds=600, look_seconds=3600) as (
        world, first,
    ):  # fmt: skip
        live_until(world, "2026-04-06T05:00")

        stops = [f"03-{day} 19" for day in (23, 24, 25, 26, 27)]
        stops += ["03-30 18", "03-31 18", "04-01 18", "04-02 18", "04-03 18"]
        starts = [f"03-{day} 07" for day in (24, 25, 26, 27)]
        starts += ["03-30 06", "03-31 06", "04-01 06", "04-02 06", "04-03 06"]
        assert entered(world, "stopped") == stops
        assert entered(world, "running") == starts
        assert {each.status for each in world.executions.all.values()} == {"SUCCEEDED"}
        assert deployment(world)["stopped_by"] == "schedule"
        assert rows(world, "incident#") == []
        assert state(world, first["instance_id"]) == "stopped"


def test_a_stop_in_the_hour_that_the_clocks_skip_comes_after_it():
    """EventBridge Scheduler skips it: the look of every minute does not."""
    with serving_at("2026-03-28T23:00", BATCH, seed=82, report_seconds=600, look_seconds=60) as (
        world, _,
    ):  # fmt: skip
        live_until(world, "2026-03-29T02:00")

        [stop] = [each for each in world.executions.all.values() if each.name.startswith("stop-")]
        assert stop.name.startswith("stop-demo-schedule-20260329T010")
        assert world.scheduler.fired == []
        assert entered(world, "stopped") == ["03-29 01"]


def test_what_scheduler_did_not_deliver_is_found_by_the_look_of_every_minute():
    with serving_at(EVENING, OFFICE, seed=83, report_seconds=600, look_seconds=300) as (
        world, _,
    ):  # fmt: skip
        world.scheduler.is_lost = lambda _: True
        live_until(world, "2026-03-23T19:20")
        assert deployment(world)["status"] == "stopped"
        assert deployment(world)["stopped_by"] == "schedule"
        live_until(world, "2026-03-24T07:30")  # a look every five minutes, and a boot

        assert deployment(world)["status"] == "serving"
        assert world.scheduler.fired == []


def test_what_an_operator_stopped_stays_so_in_the_morning():
    with serving_at(EVENING, OFFICE, seed=84, **RARE) as (world, _):
        assert world.run("stop", {"name": "demo"}).status == "SUCCEEDED"
        live_until(world, "2026-03-24T09:00")

        assert deployment(world)["status"] == "stopped"
        assert entered(world, "running") == []
        assert {name for _, name in world.scheduler.fired} == {"demo.stop-2000", "demo.start-0800"}
        assert world.run("start", {"name": "demo"}).status == "SUCCEEDED"


def test_a_stop_waits_for_the_change_that_runs():
    with serving_at(EVENING, OFFICE, seed=85, **RARE) as (world, _):
        live_until(world, "2026-03-23T18:57")
        change = world.start("provision", {**OFFICE, "model": "other"})
        live_until(world, "2026-03-23T19:01")
        assert change.runs
        assert deployment(world)["desired"] == "present"
        world.quiet()

        assert change.status == "SUCCEEDED"
        assert deployment(world)["status"] == "stopped"
        assert json.loads(deployment(world)["spec"])["model"] == "other"


def test_no_capacity_in_the_morning_is_not_waited_for_beyond_the_evening():
    with serving_at(EVENING, OFFICE, seed=86, **RARE) as (world, _):
        live_until(world, "2026-03-24T06:50")
        refusal = error("InsufficientInstanceCapacity", status=500)
        for operation in ("StartInstances", "RunInstances"):
            world.account.fault(operation=operation, error=refusal, times=None)
        live_until(world, "2026-03-24T18:59")
        assert deployment(world)["status"] == "starting"
        live_until(world, "2026-03-24T19:30")

        assert deployment(world)["status"] == "stopped"
        assert not any(each.runs for each in world.executions.all.values())


def test_a_schedule_is_changed_removed_and_added_in_place_and_nothing_is_left_of_it():
    with serving_at(EVENING, OFFICE, seed=87, **RARE) as (world, first):
        instance = first["instance_id"]
        for schedule, names in (
            (BATCH["schedule"], ["start-1800", "stop-0230"]),
            ({}, []),
            (OFFICE["schedule"], ["start-0800", "stop-2000"]),
        ):
            world.up(**DOMAIN, schedule=schedule)
            assert world.inventory()["schedules"] == [f"ScheduleGroup/demo.{n}" for n in names]
        assert world.serving(first["endpoint"]) == instance

        world.down("demo")

        assert world.inventory() == {}


@pytest.mark.parametrize("forced", [False, True])
def test_a_teardown_removes_the_schedules_also_where_the_ledger_lost_its_rows(forced):
    with serving_at(EVENING, OFFICE, seed=88, **RARE) as (world, _):
        if forced:
            [table] = world.stack.named["AWS::DynamoDB::Table"]
            with world.account.uncounted():
                for row in world.rows("demo"):
                    key = {"pk": {"S": "demo"}, "sk": {"S": row["sk"]}}
                    world.account.client("dynamodb").delete_item(TableName=table, Key=key)

        ended = world.run("teardown", {"name": "demo", "force": forced})

        assert (ended.status, ended.cause) == ("SUCCEEDED", "")
        assert world.inventory() == {}
        live_until(world, "2026-03-24T09:00")
        assert world.scheduler.fired == []
