"""Aborts, deaths and refusals between a host's promotion and the end of its predecessor."""

from __future__ import annotations

import pytest
from awssim.faults import Refusal
from simlab import Boot, World
from simulation.replacement import ADDRESS, DOMAIN, entered, quick, serving


def launched(world):
    return len(world.history.of("instance", state="pending"))


def aborted(world, state, *, after=0.0):
    """A forced repair that somebody stops when it has entered this state, or seconds later."""
    execution = world.start("repair", {"name": "demo", "force": True})
    world.until(lambda: state in entered(world, execution.name))
    world.pass_(seconds=after)
    assert execution.runs
    world.executions.stop(execution.arn, "aborted", "by hand")
    world.pass_(minutes=2)


def test_a_predecessor_that_dies_before_its_order_does_not_fail_the_repair():
    with serving(DOMAIN, seed=21) as (world, first):
        world.boots = [quick()]
        execution = world.start("repair", {"name": "demo", "force": True})
        world.until(lambda: "EnsureDns" in entered(world, execution.name))
        world.terminate(first["instance_id"])
        # IAM reads the tags of the order first: nothing is there, so nothing carries our tag.
        denied = Refusal("AccessDeniedException")
        world.account.fault(operation="DeleteParameter", error=denied, times=None)

        ended = world.ended(execution)

        assert (ended.status, ended.cause) == ("SUCCEEDED", "")


@pytest.mark.parametrize(
    ("spec", "state", "after"), [(ADDRESS, "DrainFirst", 30), (DOMAIN, "EnsureDns", 0)]
)
def test_a_host_that_has_proved_itself_gets_the_traffic_after_an_abort(spec, state, after):
    """The predecessor answers no more: the new host is ready, only the address has to move."""
    with serving(spec, seed=22, duplicates=0) as (world, first):
        world.boots = [quick()]
        if spec is ADDRESS:
            world.hosts[first["instance_id"]].requests_until = world.clock.seconds + 500
        aborted(world, state, after=after)
        if spec is DOMAIN:
            world.terminate(first["instance_id"])
            world.quiet()

        again = world.run("repair", {"name": "demo"})

        assert again.status == "SUCCEEDED"
        assert launched(world) == 1


def test_a_candidate_that_dies_after_its_proof_is_not_promoted():
    with serving(ADDRESS, seed=23, duplicates=0) as (world, first):
        world.boots = [quick()]
        execution = world.start("repair", {"name": "demo", "force": True})
        world.until(lambda: "PromoteHost" in entered(world, execution.name))
        [new] = set(world.instances()) - {first["instance_id"]}
        world.terminate(new)

        world.ended(execution)

        assert world.serving(first["endpoint"]) is not None
        assert execution.states.count("AwaitServing") == 2
        assert execution.states.index("DrainFirst") > execution.states.index("ReplaceInstance", 9)


def test_another_model_after_a_teardown_that_was_aborted_is_not_served_by_the_old_host():
    with serving(DOMAIN, seed=24) as (world, _):
        down = world.start("teardown", {"name": "demo"})
        world.until(lambda: "DestroyDns" in entered(world, down.name))
        world.executions.stop(down.arn, "aborted", "by hand")
        world.pass_(minutes=2)

        again = world.up(**{**DOMAIN, "model": "another"})

        assert world.hosts[again["instance_id"]].env["MODEL"] == "another"


def test_a_host_that_still_carries_the_traffic_is_followed_when_it_dies():
    """Its successor was promoted, and the name could not be led there."""
    with serving(DOMAIN, seed=26, duplicates=0) as (world, first):
        world.boots = [quick()]
        denied = Refusal("AccessDenied", status=403)
        world.account.fault(operation="ChangeResourceRecordSets", error=denied, times=None)
        ended = world.run("repair", {"name": "demo", "force": True})
        assert ended.status == "FAILED"
        assert world.serving(first["endpoint"]) == first["instance_id"]
        world.account.faults.planted.clear()

        world.terminate(first["instance_id"])
        world.quiet()

        assert world.serving(first["endpoint"]) is not None


def test_a_host_that_was_given_up_is_ended_before_another_is_launched():
    with World.open(seed=26) as world:
        world.boots = [Boot(silent="weights")]
        first = world.run("provision", {**DOMAIN, "on_failure": "keep"})
        assert first.error == "HostSilent"
        [silent] = world.instances()

        execution = world.start("provision", DOMAIN)
        world.until(lambda: launched(world) == 2)

        assert silent not in world.instances()
        world.ended(execution)
