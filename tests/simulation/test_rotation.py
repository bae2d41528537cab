"""A deployment that is rotated by itself, in virtual time: weeks, failures, people."""

from __future__ import annotations

import pytest
from awssim import error
from simulation.replacement import DOMAIN, Client, quick, row, rows, write
from simulation.test_schedule import live_until, serving_at

pytestmark = pytest.mark.timeout(900)  # weeks take CPU, beside others too

WINDOW = {"start": "03:00", "stop": "05:00"}
SECTION = {"time_zone": "Europe/Berlin", "on": [{**WINDOW, "days": ["sun"]}]}
WEEKLY = {**DOMAIN, "rotation": {**SECTION, "every_days": 8}}
NIGHTLY = {**DOMAIN, "rotation": {**SECTION, "every_days": 1, "on": [WINDOW]}}
FRIDAY = "2026-03-20T12:00"
SATURDAY = "2026-03-28T00:20"  # the clocks go forward a day later
BEFORE, MARK = "2026-03-29T00:50", "20260329T0100"  # 03:00 in Berlin
OFTEN = {"report_seconds": 600, "look_seconds": 900}


def rotations(world):
    """The executions that were started by themselves, by their marks."""
    return {
        each.name.partition("-rotation-")[2]: each.status
        for each in world.executions.all.values()
        if "-rotation-" in each.name
    }


def noted_starts(world):
    return [each for each in rows(world, "event#") if each["what"] == "rotation"]


def test_of_three_weeks_windows_one_has_a_rotation_and_no_gap_by_name():
    with serving_at(FRIDAY, WEEKLY, seed=111, report_seconds=840, look_seconds=3600) as (
        world, first,
    ):  # fmt: skip
        live_until(world, BEFORE)
        assert rotations(world) == {}
        client = Client(world, first["endpoint"])
        world.boots = [quick()]
        live_until(world, "2026-03-29T03:10")
        [new] = world.instances()
        client.leave()
        live_until(world, "2026-04-05T06:00")

        assert rotations(world) == {MARK: "SUCCEEDED"}
        assert client.failures == []
        assert world.serving(first["endpoint"]) == new != first["instance_id"]
        [noted] = noted_starts(world)
        assert f"provision-demo-rotation-{MARK}" in noted["text"]
        assert row(world)["asked_by"] == "its rotation (every_days: 8)"
        assert rows(world, "incident#") == []


def test_one_that_fails_is_tried_again_in_the_next_window_only():
    with serving_at(SATURDAY, NIGHTLY, seed=112, **OFTEN) as (world, first):
        live_until(world, BEFORE)
        refusal = error("UnauthorizedOperation", status=403)
        world.account.fault(operation="RunInstances", error=refusal, times=None)
        live_until(world, "2026-03-29T12:00")

        assert rotations(world) == {MARK: "FAILED"}
        assert len(noted_starts(world)) == 1
        assert world.serving(first["endpoint"]) == first["instance_id"]

        world.account.faults.planted.clear()
        world.boots = [quick()]
        live_until(world, "2026-03-30T02:30")
        assert rotations(world) == {MARK: "FAILED", "20260330T0100": "SUCCEEDED"}
        assert world.serving(first["endpoint"]) != first["instance_id"]


@pytest.mark.parametrize("rest", ["paused", "stopped", "being changed"])
def test_what_rests_or_is_at_work_is_left_alone(rest):
    with serving_at(SATURDAY, NIGHTLY, seed=113, **OFTEN) as (world, first):
        live_until(world, BEFORE)
        if rest == "stopped":
            assert world.run("stop", {"name": "demo"}).status == "SUCCEEDED"
        elif rest == "paused":
            write(world, paused_at=world.clock.now().isoformat())
        else:
            world.boots = [quick()]
            world.start("provision", {**NIGHTLY, "model": "other"})
        live_until(world, "2026-03-29T04:00")

        assert rotations(world) == {}
        assert (world.instances() == [first["instance_id"]]) is (rest != "being changed")
