"""A deployment that is rotated by itself, in virtual time: weeks, failures, people."""

from __future__ import annotations

import pytest
from awssim import error
from simulation.replacement import DOMAIN, Client, quick, row, rows, write
from simulation.test_schedule import live_until, serving_at

pytestmark = pytest.mark.timeout(900)  # weeks take CPU, beside others too

WEEKLY = {"days": ["sun"], "start": "03:00", "stop": "05:00"}
SECTION = {"every_days": 19, "time_zone": "Europe/Berlin", "on": [WEEKLY]}
MONTHLY = {**DOMAIN, "rotation": SECTION}
SOON = {**DOMAIN, "rotation": {**SECTION, "every_days": 1}}
BEGIN = "2026-03-09T12:00"  # a Monday
FRIDAY = "2026-03-27T12:00"  # the clocks go forward on Sunday
BEFORE, MARK = "2026-03-29T00:50", "20260329T0100"  # 03:00 in Berlin
RARE = {"report_seconds": 1800, "look_seconds": 1800}
OFTEN = {"report_seconds": 600, "look_seconds": 600}


def rotations(world):
    """The executions that were started by themselves, by their marks."""
    return {
        each.name.partition("-rotation-")[2]: each.status
        for each in world.executions.all.values()
        if "-rotation-" in each.name
    }


def test_a_month_has_one_rotation_in_its_window_and_no_gap_by_name():
    with serving_at(BEGIN, MONTHLY, seed=111, **RARE) as (world, first):
        live_until(world, BEFORE)
        assert rotations(world) == {}
        client = Client(world, first["endpoint"])
        world.boots = [quick()]
        live_until(world, "2026-03-29T03:10")
        [new] = world.instances()
        client.leave()
        live_until(world, "2026-04-09T12:00")

        assert rotations(world) == {MARK: "SUCCEEDED"}
        assert client.failures == []
        assert world.serving(first["endpoint"]) == new != first["instance_id"]
        [noted] = [each for each in rows(world, "event#") if each["what"] == "rotation"]
        assert f"provision-demo-rotation-{MARK}" in noted["text"]
        assert row(world)["asked_by"] == "its rotation (every_days: 19)"
        assert rows(world, "incident#") == []


def test_one_that_fails_is_tried_again_in_the_next_window_only():
    with serving_at(FRIDAY, SOON, seed=112, **OFTEN) as (world, first):
        live_until(world, BEFORE)
        refusal = error("UnauthorizedOperation", status=403)
        world.account.fault(operation="RunInstances", error=refusal, times=None)
        live_until(world, "2026-03-29T12:00")

        assert rotations(world) == {MARK: "FAILED"}
        assert world.serving(first["endpoint"]) == first["instance_id"]

        world.account.faults.planted.clear()
        world.boots = [quick()]
        live_until(world, "2026-04-05T02:30")
        assert rotations(world) == {MARK: "FAILED", "20260405T0100": "SUCCEEDED"}
        assert world.serving(first["endpoint"]) != first["instance_id"]


@pytest.mark.parametrize("rest", ["paused", "stopped", "being changed"])
def test_what_rests_or_is_at_work_is_left_alone(rest):
    with serving_at(FRIDAY, SOON, seed=113, **OFTEN) as (world, first):
        live_until(world, BEFORE)
        if rest == "stopped":
            assert world.run("stop", {"name": "demo"}).status == "SUCCEEDED"
        elif rest == "paused":
            write(world, paused_at=world.clock.now().isoformat())
        else:
            world.boots = [quick()]
            world.start("provision", {**SOON, "model": "other"})
        live_until(world, "2026-03-29T04:00")

        assert rotations(world) == {}
        assert (world.instances() == [first["instance_id"]]) is (rest != "being changed")
