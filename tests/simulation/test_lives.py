"""Whole lives of a deployment in virtual time: hours of it in seconds."""

from __future__ import annotations

import pytest
from simlab import Boot, World
from simulation.replacement import DOMAIN, serving

WEEK = 7 * 24
ONE_LIFE = {"vpcs": 1, "instances": 1, "addresses": 1, "repositories": 1, "buckets": 1}


def counted(world):
    return {kind: len(ids) for kind, ids in world.inventory().items() if kind in ONE_LIFE}


def created(world):
    """How many calls have changed the account so far; answers to a waiting workflow left out."""
    return len([c for c in world.account.creating_calls() if c.service != "stepfunctions"])


def waited_for(world):
    """The instance whose reports a workflow waits for."""
    waiting = [row for row in world.rows("demo") if row["sk"].startswith("await#")]
    newest = max(waiting, key=lambda row: int(row["generation"]), default={})
    return newest.get("instance_id")


def repairs(world):
    """The incidents' outcomes, in their order."""
    rows = [row for row in world.rows("demo") if row["sk"].startswith("incident#")]
    return [row["outcome"] for row in sorted(rows, key=lambda row: row["began_at"])]


def test_a_deployment_is_provisioned_once_and_its_teardown_leaves_nothing():
    with World.open(seed=1) as world:
        first = world.up(**DOMAIN)
        assert world.serving(first["endpoint"]) == first["instance_id"]
        assert counted(world) == ONE_LIFE
        before = created(world)

        again = world.up(**DOMAIN)

        assert created(world) == before
        assert again == {**first, "changed": False}
        assert world.down("demo") == {"name": "demo", "left": 0}
        world.quiet()
        assert world.inventory() == {}
        assert world.hosts == {}


def test_five_hours_in_which_a_host_dies_each_hour():
    with serving(DOMAIN, seed=2, report_seconds=300) as (world, first):
        endpoint = first["endpoint"]
        served = world.instances()

        for _ in range(5):
            [lost] = world.instances()
            world.terminate(lost)
            assert world.serving(endpoint) is None
            world.pass_(hours=1)
            [current] = world.instances()
            served.append(current)
            assert world.serving(endpoint) == current

        assert len(set(served)) == 6
        assert repairs(world) == ["repaired"] * 5
        assert len(world.history.of("instance", state="pending")) == 5
        assert counted(world) == ONE_LIFE
        assert world.events.dead_letters == []


def test_a_stopped_host_is_replaced_once_though_every_event_comes_twice():
    with serving(DOMAIN, seed=3, duplicates=1.0) as (world, first):
        world.stop(first["instance_id"])
        world.until(lambda: world.serving(first["endpoint"]) not in {None, first["instance_id"]})
        world.quiet()

        [current] = world.instances()
        assert current != first["instance_id"]
        assert world.serving(first["endpoint"]) == current
        assert repairs(world) == ["repaired"]
        assert len(world.history.of("instance", state="pending")) == 1


def test_a_host_that_hangs_is_rebooted_when_an_operator_asks_for_a_repair():
    with serving(DOMAIN, seed=4) as (world, first):
        healthy = world.run("repair", {"name": "demo"})
        assert healthy.result["outcome"] == "skipped"

        world.hosts[first["instance_id"]].fall_silent()
        repaired = world.run("repair", {"name": "demo"})

        assert (repaired.status, repaired.cause) == ("SUCCEEDED", "")
        assert (repaired.result["outcome"], repaired.result["replaced"]) == ("repaired", "")
        assert world.serving(first["endpoint"]) == first["instance_id"]


def test_a_host_that_falls_silent_while_it_is_waited_for_fails_the_provision_and_leaves_nothing():
    with World.open(seed=5, duplicates=0) as world:  # a late second report is a sign of life, too
        world.boots = [Boot(silent="weights")]

        ended = world.run("provision", DOMAIN)

        assert (ended.status, ended.error) == ("FAILED", "HostSilent")
        assert "sent no report for 900 seconds" in ended.cause
        assert "(rolled back: 0 resources left)" in ended.cause
        assert world.inventory() == {}
        [silence] = world.history.of("silent")
        entered = world.history.of("entered", state="HostSilent")[0]
        assert 0 < entered.seconds - silence.seconds <= 900 + 31


@pytest.mark.parametrize("end", ["stop", "terminate"])
def test_a_replacement_that_is_lost_before_it_serves_is_replaced_at_once(end):
    with serving(DOMAIN, seed=8) as (world, first):
        world.boots = [Boot(never="loading")]
        world.terminate(first["instance_id"])
        world.until(lambda: waited_for(world) in world.hosts)

        getattr(world, end)(waited_for(world))
        world.until(lambda: world.serving(first["endpoint"]) is not None)
        world.quiet()

        assert repairs(world) == ["repaired"]
        assert len(world.history.of("instance", state="pending")) == 2
        assert world.history.of("entered", state="HostSilent") == []
        assert world.instances() == [world.serving(first["endpoint"])]


@pytest.mark.parametrize("on_failure", ["rollback", "keep"])
def test_hosts_that_are_lost_one_after_the_other_end_the_provision(on_failure):
    with World.open(seed=9) as world:
        world.boots = [Boot(never="loading")] * 3
        execution = world.start("provision", {**DOMAIN, "on_failure": on_failure})

        for _ in range(3):
            world.until(lambda: waited_for(world) in world.hosts)
            world.terminate(waited_for(world))
        ended = world.ended(execution)
        world.quiet()

        assert (ended.status, ended.error) == ("FAILED", "HostLost")
        assert "three hosts in a row" in ended.cause
        assert len(world.history.of("instance", state="pending")) == 3
        assert repairs(world) == []
        assert (world.inventory() == {}) == (on_failure == "rollback")
        row = next(each for each in world.rows(DOMAIN["name"]) if each["sk"] == "deployment")
        assert row["reason"].startswith("HostLost: EC2 stopped or terminated three hosts")
        assert ("(rolled back: 0 resources left)" in row["reason"]) == (on_failure == "rollback")


def test_a_host_that_gives_up_fails_the_provision_with_its_cause():
    with World.open(seed=6) as world:
        world.boots = [Boot(fails="loading", cause="the model needs 80 GiB, the GPU has 24")]

        ended = world.run("provision", {**DOMAIN, "on_failure": "keep"})

        assert (ended.status, ended.error) == ("FAILED", "HostFailed")
        assert "the model needs 80 GiB, the GPU has 24" in ended.cause
        assert len(world.instances()) == 1


def test_a_day_without_events_starts_nothing():
    """Of a week, tests/chaos has more."""
    with serving(DOMAIN, seed=7, report_seconds=600) as (world, first):
        before, called = created(world), len(world.account.calls)

        world.pass_(hours=24)

        assert world.executions.all == {}
        assert created(world) == before
        assert len(world.history.of("phase", phase="serving")) == 1
        looks = [m for m in world.history.of("answered") if m.who == "ReconcilerFunction"]
        assert len(looks) >= 24 * 60
        others = len(world.history.of("answered")) - len(looks)
        assert len(world.account.calls) - called <= 12 * len(looks) + 5 * others
        assert world.serving(first["endpoint"]) == first["instance_id"]
