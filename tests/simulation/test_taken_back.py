"""dstack#4186: what fails beside a healthy host never takes that down.

A step fails after the new host's promotion, or that host does: its predecessor is taken back.
"""

from __future__ import annotations

import pytest
from awssim.faults import Refusal
from simlab import World
from simulation.replacement import (
    ADDRESS,
    DOMAIN,
    Client,
    entered,
    is_untouched,
    kept,
    quick,
    rows,
    serving,
)

BY_NAME_OR_ADDRESS = pytest.mark.parametrize("spec", [DOMAIN, ADDRESS], ids=["name", "address"])
# The states after the promotion, and the call that is refused there.
AFTER = {
    "EnsureAddress": "DescribeAddresses",
    "EnsureDns": "ChangeResourceRecordSets",
    "SetFirewall": "DescribeSecurityGroups",
    "EnsureAlarms": "PutMetricAlarm",
}
NO_RECORD = (ADDRESS, "EnsureDns")
TTL = 60  # seconds for which resolvers keep a record, by default
SECONDS = 15  # from a loss to the traffic on the old host: an event, an order, a record
SILENCE = 75  # seconds until a host that hangs is looked at: one report and a half, and the other's


def changing(world, spec, state, *, after=0.0):
    """A change to another model that has entered this state, and its host."""
    [old] = world.instances()
    world.boots = [quick()]
    execution = world.start("provision", {**spec, "model": "other"})
    world.until(lambda: state in entered(world, execution.name))
    world.pass_(seconds=after)
    assert execution.runs
    [new] = set(world.instances()) - {old}
    return execution, new


def none_serving(client, since):
    """The seconds without an answer after this moment."""
    failures = [each for each in client.failures if each >= since]
    return failures[-1] - failures[0] + 1 if failures else 0.0


@BY_NAME_OR_ADDRESS
@pytest.mark.parametrize("end", ["dies", "gives up", "is unhealthy", "hangs"])
def test_a_healthy_predecessor_is_taken_back_when_its_successor(spec, end):
    with serving(spec, seed=61, report_seconds=30, duplicates=0) as (world, first):
        world.hosts[first["instance_id"]].requests_until = world.clock.seconds + 500
        state = "DrainPredecessors" if spec is DOMAIN else "DrainFirst"
        execution, new = changing(world, spec, state, after=20)
        ttl, began = TTL if spec is DOMAIN else 0, world.clock.seconds
        client = Client(world, first["endpoint"], ttl)
        {
            "dies": lambda: world.terminate(new),
            "gives up": lambda: world.hosts[new].become("failed", "CUDA error", "hardware"),
            "is unhealthy": lambda: world.hosts[new].become("unhealthy", "no token for 60 s"),
            "hangs": lambda: world.hosts[new].fall_silent(),
        }[end]()

        ended = world.ended(execution)
        world.quiet()

        assert ended.status == "FAILED"
        assert ended.error == ("HostLost" if end in {"dies", "hangs"} else "HostFailed")
        assert "generation 1 serves again" in ended.cause
        # One that hangs says nothing: its silence is noticed with the other's next report.
        assert none_serving(client, began) <= SECONDS + ttl + SILENCE * (end == "hangs")
        assert "other" not in client.models[1:]
        is_untouched(world, first, spec)
        assert kept(world) == ["m"]
        assert len(world.history.of("instance", state="pending")) == 1


@pytest.mark.parametrize(
    ("spec", "state"),
    [(spec, state) for spec in (DOMAIN, ADDRESS) for state in AFTER if (spec, state) != NO_RECORD],
)
def test_a_change_that_fails_after_its_promotion_goes_back_and_cuts_nothing(spec, state):
    with serving(spec, seed=62, report_seconds=300, duplicates=0) as (world, first):
        execution, new = changing(world, spec, "PromoteHost")
        client = Client(world, first["endpoint"])
        world.hosts[new].requests_until = world.clock.seconds + 300
        world.until(lambda: state in entered(world, execution.name))
        denied = Refusal("AccessDenied", status=403)
        world.account.fault(operation=AFTER[state], error=denied, times=None)
        world.until(lambda: "WithdrawOrders" in entered(world, execution.name))
        world.account.faults.planted.clear()

        ended = world.ended(execution)
        world.quiet()

        assert (ended.status, ended.error) == ("FAILED", "Refused")
        assert "generation 1 serves again" in ended.cause
        assert client.failures == [] or spec is ADDRESS
        assert none_serving(client, 0) <= 300 + SECONDS  # its requests, and both hosts' moves
        [end] = world.history.of("instance", state="shutting-down")
        assert (end.who, end.seconds >= 300) == (new, True)
        is_untouched(world, first, spec)
        assert kept(world) == ["m"]


def test_a_step_that_goes_on_failing_is_finished_by_the_next_repair():
    """The old host is the one that serves again; the record still leads to the new one."""
    with serving(DOMAIN, seed=63, report_seconds=300, duplicates=0) as (world, first):
        execution, _ = changing(world, DOMAIN, "SetFirewall")
        client = Client(world, first["endpoint"])
        denied = Refusal("AccessDenied", status=403)
        world.account.fault(operation="DescribeSecurityGroups", error=denied, times=None)

        ended = world.ended(execution)
        assert (ended.status, len(world.instances())) == ("FAILED", 2)
        world.account.faults.planted.clear()
        world.quiet()

        assert client.failures == []
        is_untouched(world, first, DOMAIN)


def test_a_repair_keeps_its_host_while_that_is_well():
    with serving(DOMAIN, seed=64, report_seconds=300, duplicates=0) as (world, first):
        world.boots = [quick()]
        execution = world.start("repair", {"name": "demo", "force": True})
        world.until(lambda: "EnsureAlarms" in entered(world, execution.name))
        denied = Refusal("AccessDenied", status=403)
        world.account.fault(operation="PutMetricAlarm", error=denied, times=None)
        world.ended(execution)
        world.account.faults.planted.clear()
        world.quiet()

        assert len(world.instances()) == 1
        assert world.instances() == [world.serving(first["endpoint"])] != [first["instance_id"]]


def test_where_the_predecessor_is_gone_too_another_host_of_the_change_follows():
    with serving(DOMAIN, seed=65, report_seconds=300, duplicates=0) as (world, first):
        execution, new = changing(world, DOMAIN, "EnsureDns")
        world.boots = [quick()]
        world.terminate(first["instance_id"])
        world.terminate(new)

        world.ended(execution)
        world.until(lambda: world.serving(first["endpoint"]) is not None)
        world.quiet()

        [instance] = world.instances()
        assert world.hosts[instance].env["MODEL"] == "other"


def test_an_abort_after_the_old_host_was_taken_back_is_finished():
    with serving(DOMAIN, seed=66, report_seconds=300, duplicates=0) as (world, first):
        execution, new = changing(world, DOMAIN, "DrainPredecessors", after=5)
        world.terminate(new)
        world.until(lambda: "TakenBack?" in entered(world, execution.name))
        world.executions.stop(execution.arn, "aborted", "by hand")
        world.pass_(minutes=3)
        world.quiet()

        is_untouched(world, first, DOMAIN)
        assert [row for row in rows(world, "incident#") if "closed_at" not in row] == []


def test_a_repair_whose_host_dies_while_the_old_one_drains_goes_back():
    with serving(DOMAIN, seed=67, report_seconds=300, duplicates=0) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [quick() for _ in range(3)]
        execution = world.start("repair", {"name": "demo", "force": True})
        world.until(lambda: "DrainPredecessors" in entered(world, execution.name))
        world.pass_(seconds=20)
        [new] = set(world.instances()) - {first["instance_id"]}
        world.terminate(new)

        ended = world.ended(execution)
        world.quiet()

        assert (ended.status, ended.error) == ("FAILED", "HostLost")
        assert client.gap <= SECONDS
        is_untouched(world, first, DOMAIN)


def test_what_dies_after_a_teardown_began_is_not_taken_back():
    with World.open(seed=68) as world:
        world.up(**DOMAIN)
        world.boots = [quick()]
        execution = world.start("provision", {**DOMAIN, "model": "other"})
        world.until(lambda: "DrainPredecessors" in entered(world, execution.name))
        down = world.start("teardown", {"name": "demo"})
        world.until(lambda: "TakeBack" in entered(world, execution.name) or not execution.runs)

        assert world.ended(down).result == {"name": "demo", "left": 0}
        assert execution.error == "Superseded"
