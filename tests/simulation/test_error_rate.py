"""The new host of a change answers, but fails many of its requests while the old one drains."""

from __future__ import annotations

import pytest
from simulation.replacement import DOMAIN, Client, is_untouched, kept, quick, serving, stored
from simulation.test_taken_back import changing

EVERY = {"report_seconds": 30, "duplicates": 0}


def asked(world, instance, requests, failures):
    """Callers ask it so often, and so many of their requests fail by a fault of the host."""
    for number in range(requests):
        world.hosts[instance].take_request(fails=number < failures)


def test_a_host_that_fails_too_many_requests_gives_its_traffic_back():
    with serving(DOMAIN, seed=121, **EVERY) as (world, first):
        execution, new = changing(world, DOMAIN, "DrainPredecessors", after=10)
        client = Client(world, first["endpoint"])
        asked(world, new, requests=40, failures=30)

        ended = world.ended(execution)
        world.quiet()

        assert (ended.status, ended.error) == ("FAILED", "HostFailed")
        assert f"{new} failed 30 of 40 requests (75 %) since traffic was led to it" in ended.cause
        assert "canary.max_error_percent is 20 (generation 1 serves again)" in ended.cause
        assert client.failures == []
        is_untouched(world, first, DOMAIN)
        assert kept(world) == ["m"]


@pytest.mark.parametrize(
    ("canary", "requests", "failures"),
    [
        ({}, 40, 0),  # what clients' mistakes end with, 4xx and 429, is no failure of the host
        ({}, 15, 15),
        ({}, 40, 8),
        ({"max_error_percent": None}, 40, 40),
    ],
    ids=["its clients' errors", "few requests", "few errors", "off"],
)
def test_a_host_is_kept_with(canary, requests, failures):
    spec = {**DOMAIN, "canary": canary}
    with serving(spec, seed=122, **EVERY) as (world, first):
        execution, new = changing(world, spec, "DrainPredecessors", after=10)
        asked(world, new, requests, failures)

        assert world.ended(execution).status == "SUCCEEDED"
        assert world.serving(first["endpoint"]) == new
        assert stored(world)["model"] == "other"


def test_the_new_host_of_a_repair_is_not_judged():
    with serving(DOMAIN, seed=123, **EVERY) as (world, first):
        world.boots = [quick()]
        execution = world.start("repair", {"name": "demo", "force": True})
        world.until(lambda: len(world.instances()) == 2)
        world.until(lambda: world.serving(first["endpoint"]) != first["instance_id"])
        [new] = set(world.instances()) - {first["instance_id"]}
        asked(world, new, requests=40, failures=40)

        assert world.ended(execution).status == "SUCCEEDED"
        assert world.instances() == [new]


def test_errors_after_the_old_host_has_ended_take_nothing_back():
    with serving(DOMAIN, seed=124, **EVERY) as (world, _):
        world.boots = [quick()]
        changed = world.up(**{**DOMAIN, "model": "other"})
        asked(world, changed["instance_id"], requests=40, failures=40)
        world.pass_(minutes=5)

        assert world.instances() == [changed["instance_id"]]
