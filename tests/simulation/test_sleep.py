"""A deployment that is not used falls asleep; nothing repairs it, and it is started by command."""

from __future__ import annotations

import json

import pytest
from simulation.replacement import ADDRESS, DOMAIN, rows, serving, write

IDLE = {**DOMAIN, "sleep": {"after_idle_minutes": 30}}
REPORTS = {"report_seconds": 120}


def deployment(world):
    [row] = rows(world, "deployment")
    return row


def status(world):
    return deployment(world)["status"]


def workflows(world, verb):
    return [each for each in world.executions.all.values() if each.name.startswith(verb)]


def host(world):
    [running] = world.hosts.values()
    return running


def test_without_a_request_it_falls_asleep_once_and_nothing_repairs_it():
    with serving(IDLE, seed=71, **REPORTS) as (world, first):
        world.pass_(minutes=27)
        assert (status(world), workflows(world, "stop")) == ("serving", [])

        world.until(lambda: status(world) == "asleep", hours=1)
        world.pass_(hours=12)

        row, [stop] = deployment(world), workflows(world, "stop")
        assert stop.status == "SUCCEEDED"
        assert stop.result["outcome"] == "asleep"
        assert (row["desired"], row["asleep_by"]) == ("asleep", "30 minutes without a request")
        assert (row["sleeps"], rows(world, "incident#"), world.hosts) == ("1", [], {})
        assert "alarms" not in world.inventory()

        started = world.run("start", {"name": "demo"})

        assert (started.status, started.cause) == ("SUCCEEDED", "")
        assert world.serving(first["endpoint"]) == first["instance_id"]
        [seconds] = json.loads(deployment(world)["start_seconds"])
        assert 60 < seconds < 1200


def test_requests_keep_it_awake_and_the_last_ones_end_counts():
    with serving(IDLE, seed=72, **REPORTS) as (world, _):
        for _ in range(3):
            world.pass_(minutes=20)
            host(world).take_request()
        host(world).take_request(seconds=45 * 60)  # a long one runs through the whole idle time
        world.pass_(minutes=70)
        assert status(world) == "serving"

        world.pass_(minutes=15)

        assert status(world) == "asleep"


@pytest.mark.parametrize("why", ["not asked for", "stale", "an earlier version", "paused"])
def test_what_is_not_known_to_be_idle_stays_awake(why, monkeypatch):
    spec = DOMAIN if why == "not asked for" else IDLE
    with serving(spec, seed=73, **REPORTS) as (world, _):
        if why == "stale":
            host(world).lose_agent()
        elif why == "an earlier version":
            monkeypatch.setattr(host(world)._reporter, "_activity", lambda: None)
        elif why == "paused":
            write(world, paused_at=world.clock.now().isoformat())

        world.pass_(minutes=36)

        assert workflows(world, "stop") == []


def test_a_request_between_the_look_and_the_stop_keeps_it_awake():
    with serving(IDLE, seed=74, **REPORTS) as (world, _):
        host(world).take_request()
        world.pass_(minutes=5)

        asked = world.run("stop", {"name": "demo", "sleep": True, "idle": True})

        assert asked.error == "Superseded"
        assert (deployment(world)["desired"], status(world)) == ("present", "serving")


def test_sleep_by_command_and_an_aborted_one_is_finished_as_a_sleep():
    with serving(ADDRESS, seed=75, **REPORTS) as (world, _):
        execution = world.start("stop", {"name": "demo", "sleep": True, "asked_by": "alice"})
        world.until(lambda: "HaltHost" in execution.states)
        world.executions.stop(execution.arn)

        world.until(lambda: status(world) == "asleep", hours=1)

        row = deployment(world)
        assert (row["desired"], row["asleep_by"]) == ("asleep", "alice")
        assert world.run("stop", {"name": "demo"}).result["outcome"] == "stopped"
        assert (deployment(world)["desired"], status(world)) == ("stopped", "stopped")
