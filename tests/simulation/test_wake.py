"""A request wakes what sleeps: once, with the true seconds; never what is stopped."""

from __future__ import annotations

import json

from simlab import Boot
from simulation.replacement import ADDRESS, rows, serving
from simulation.wakers import ask, key_of

IDLE = {**ADDRESS, "sleep": {"after_idle_minutes": 60}}
RESTART = Boot(seconds={"booting": (60, 70), "loading": (80, 100)})  # the model is on its disk


def deployment(world):
    [row] = rows(world, "deployment")
    return row


def status(world):
    return deployment(world)["status"]


def starts(world):
    return [each for each in world.executions.all.values() if each.name.startswith("start")]


def fall_asleep(world):
    world.until(lambda: status(world) == "asleep", hours=3)


def test_fifty_askers_start_it_once_and_the_seconds_are_true():
    with serving(IDLE, seed=81, report_seconds=240) as (world, first):
        key, errors = key_of(world), []
        for askers in (50, 2, 2):
            fall_asleep(world)
            before, began = len(starts(world)), world.clock.seconds
            world.boots = [RESTART]
            answers = [ask(world, key) for _ in range(askers)]
            assert {code for code, _ in answers} == {503}
            promised = answers[0][1]["eta_seconds"]

            world.until(lambda: status(world) == "serving")

            took = world.clock.seconds - began
            errors.append(abs(promised - took) / took)
            assert len(starts(world)) == before + 1
            assert world.serving(first["endpoint"]) == first["instance_id"]
            world.quiet()

        assert rows(world, "incident#") == []
        assert max(errors[1:]) < 0.3, errors  # the first one knows no start yet
        assert len(json.loads(deployment(world)["start_seconds"])) == 3
        notes = [row["text"] for row in rows(world, "event#") if row["what"] == "start"]
        assert "the start began, asked for by a request with the key 'default'" in notes
        assert ask(world, key)[0] == 421


def test_what_is_stopped_and_a_wrong_key_start_nothing():
    with serving(IDLE, seed=82, report_seconds=240) as (world, _):
        key = key_of(world)
        fall_asleep(world)
        assert ask(world, f"{key}x")[0] == 401
        world.run("stop", {"name": "demo"})

        code, error = ask(world, key)
        world.pass_(hours=1)

        assert (code, error["code"]) == (503, "stopped")
        assert starts(world) == []
        assert (deployment(world)["desired"], status(world)) == ("stopped", "stopped")


def test_a_wake_that_fails_sleeps_again_and_a_later_request_tries_again():
    with serving(IDLE, seed=83, report_seconds=240) as (world, _):
        key = key_of(world)
        fall_asleep(world)
        world.boots = [Boot(fails="loading"), Boot()]
        ask(world, key)
        world.until(lambda: bool(starts(world)) and not starts(world)[0].runs)
        world.pass_(minutes=1)

        [failed] = starts(world)
        assert (failed.status, failed.error) == ("FAILED", "HostFailed")
        assert (deployment(world)["desired"], status(world)) == ("asleep", "asleep")
        assert "its last start failed" in ask(world, key)[1]["message"]
        world.pass_(minutes=10)
        ask(world, key)
        world.until(lambda: status(world) == "serving")

        assert len(starts(world)) == 2
