"""update.strategy: replace, for accounts without quota for two hosts."""

from __future__ import annotations

import pytest
from awssim.faults import Refusal
from simulation.replacement import (
    ADDRESS,
    DOMAIN,
    Client,
    entered,
    is_untouched,
    kept,
    quick,
    serving,
    stored,
)

BY_NAME_OR_ADDRESS = pytest.mark.parametrize("spec", [DOMAIN, ADDRESS], ids=["name", "address"])
NEXT_LOOK = 62  # seconds until the look of every minute, delivered as an event, starts the return
CHANGED = {"model": "other", "update": {"strategy": "replace"}}


@BY_NAME_OR_ADDRESS
def test_the_old_host_ends_its_requests_and_itself_before_the_new_one_is_launched(spec):
    with serving(spec, seed=71, report_seconds=300, duplicates=0) as (world, first):
        [address] = world.inventory()["addresses"]
        client = Client(world, first["endpoint"])
        world.hosts[first["instance_id"]].requests_until = world.clock.seconds + 300
        world.boots = [quick()]

        changed = world.up(**{**spec, **CHANGED})
        world.quiet()

        assert client.models == ["m", "other"]
        [end] = world.history.of("instance", state="shutting-down")
        [start] = world.history.of("instance", state="pending")
        assert 300 <= end.seconds <= start.seconds
        assert client.gap < 600
        assert world.instances() == [changed["instance_id"]]
        assert list(world.inventory()["addresses"]) == [address]
        assert kept(world) == ["m", "other"]


@pytest.mark.parametrize("error", ["HostFailed", "CanaryFailed"])
def test_a_failure_goes_back_to_the_old_specification_with_a_new_host(error):
    with serving(DOMAIN, seed=72, report_seconds=300, duplicates=0) as (world, first):
        fails = {"fails": "loading"} if error == "HostFailed" else {}
        world.boots = [quick(**fails), quick()]
        prompts = [{"prompt": "What is 2 + 2?", "contains": "four"}]

        ended = world.run("provision", {**DOMAIN, **CHANGED, "canary": {"prompts": prompts}})
        failed_at = world.clock.seconds
        world.until(lambda: world.serving(first["endpoint"]) is not None)
        world.quiet()

        assert (ended.status, ended.error) == ("FAILED", error)
        began = [m for m in world.history.of("entered") if m.who.startswith("repair")]
        assert began[0].seconds - failed_at <= NEXT_LOOK
        [instance] = world.instances()
        assert instance == world.serving(first["endpoint"]) != first["instance_id"]
        assert world.hosts[instance].env["MODEL"] == "m" == stored(world)["model"]
        assert kept(world) == ["m"]


@pytest.mark.parametrize("state", ["DrainReplaced", "DestroyReplaced", "AwaitServing"])
def test_an_abort_leaves_the_old_specification_served(state):
    with serving(DOMAIN, seed=73, report_seconds=300, duplicates=0) as (world, first):
        world.hosts[first["instance_id"]].requests_until = world.clock.seconds + 100
        world.boots = [quick(), quick()]
        execution = world.start("provision", {**DOMAIN, **CHANGED})
        world.until(lambda: state in entered(world, execution.name))
        world.pass_(seconds=8)
        world.executions.stop(execution.arn, "aborted", "by hand")
        world.pass_(minutes=5)
        world.quiet()

        if state == "DrainReplaced":
            is_untouched(world, first, DOMAIN)
        [instance] = world.instances()
        assert instance == world.serving(first["endpoint"])
        assert world.hosts[instance].env["MODEL"] == "m" == stored(world)["model"]


def test_what_fails_before_the_old_host_drains_touches_nothing():
    with serving(DOMAIN, seed=74, report_seconds=300, duplicates=0) as (world, first):
        client = Client(world, first["endpoint"])
        denied = Refusal("AccessDenied", status=403)
        world.account.fault(operation="GetInstanceProfile", error=denied, times=None)

        ended = world.run("provision", {**DOMAIN, **CHANGED})
        world.account.faults.planted.clear()
        world.quiet()

        assert ended.status == "FAILED"
        assert client.failures == []
        is_untouched(world, first, DOMAIN)
