"""A deployment is stopped, stays so, and is started again: on its own host, or on another one."""

from __future__ import annotations

import pytest
from awssim import error
from simlab import Boot, World
from simulation.replacement import ADDRESS, DOMAIN, entered, rows, serving

SPOT = {**DOMAIN, "instance": {"market": "spot"}}
MINUTES = 60


def deployment(world):
    [row] = rows(world, "deployment")
    return row


def host(world, generation=1):
    return next(row for row in rows(world, "host#") if int(row["generation"]) == generation)


def state(world, instance):
    found = world.account.client("ec2").describe_instances(InstanceIds=[instance])
    return found["Reservations"][0]["Instances"][0]["State"]["Name"]


def orders(world):
    return [name for name in world.inventory()["parameters"] if "/hosts/" in name]


def launches(world):
    return [call for call in world.account.calls if call.operation == "RunInstances"]


def workflows(world, verb):
    return [each for each in world.executions.all.values() if each.name.startswith(verb)]


@pytest.mark.parametrize("spec", [DOMAIN, ADDRESS], ids=["domain", "address"])
def test_stopped_a_day_and_started_it_serves_on_the_same_host_at_the_same_address(spec):
    with serving(spec, seed=31, report_seconds=300) as (world, first):
        before = world.inventory()

        stopped = world.run("stop", {"name": "demo"})

        assert (stopped.status, stopped.cause) == ("SUCCEEDED", "")
        instance = first["instance_id"]
        assert stopped.result == {
            "name": "demo", "outcome": "stopped", "instance_id": instance, "kept": True,
            "changed": True,
        }  # fmt: skip
        assert state(world, instance) == "stopped"
        assert world.serving(first["endpoint"]) is None
        world.pass_(hours=24)
        assert deployment(world)["status"] == deployment(world)["desired"] == "stopped"
        assert [each.name for each in world.executions.all.values()] == [stopped.name]
        assert rows(world, "incident#") == []
        assert world.inventory()["addresses"] == before["addresses"]
        assert "alarms" not in world.inventory()

        started = world.run("start", {"name": "demo"})

        assert (started.status, started.cause) == ("SUCCEEDED", "")
        assert (started.result["instance_id"], started.result["changed"]) == (instance, True)
        assert world.serving(first["endpoint"]) == instance
        world.quiet()
        assert deployment(world)["status"] == "serving"
        assert orders(world) == []
        after = world.inventory()
        assert {kind: len(ids) for kind, ids in after.items()} == {
            kind: len(ids) for kind, ids in before.items()
        }
        world.pass_(hours=1)
        assert rows(world, "incident#") == []
        assert launches(world) == []


def test_running_requests_end_before_the_instance_is_stopped():
    with serving(DOMAIN, seed=32) as (world, first):
        running = world.hosts[first["instance_id"]]
        running.requests_until = world.clock.seconds + 4 * MINUTES
        execution = world.start("stop", {"name": "demo"})

        world.pass_(minutes=3)
        assert not running.serves
        assert state(world, first["instance_id"]) == "running"
        world.ended(execution)

        assert state(world, first["instance_id"]) == "stopped"
        [drained] = world.history.of("phase", phase="drained")
        stopping = world.history.of("instance", state="stopping")[0]
        assert drained.seconds <= stopping.seconds < drained.seconds + MINUTES


def test_requests_that_do_not_end_are_not_waited_for_longer_than_one_may_take():
    with serving(DOMAIN, seed=33) as (world, first):
        world.hosts[first["instance_id"]].requests_until = world.clock.seconds + 10 * 3600
        began = world.clock.seconds

        assert world.run("stop", {"name": "demo"}).status == "SUCCEEDED"

        assert world.clock.seconds - began < 600 + 120 + 3 * MINUTES


def test_a_spot_instance_cannot_be_stopped_so_it_is_ended_and_a_new_one_started():
    with serving(SPOT, seed=34) as (world, first):
        stopped = world.run("stop", {"name": "demo"})

        assert (stopped.status, stopped.result["kept"]) == ("SUCCEEDED", False)
        world.pass_(hours=1)
        assert world.instances() == []
        assert "cannot be stopped by EC2: it is terminated" in str(rows(world, "event#"))
        started = world.run("start", {"name": "demo"})

        assert (started.status, started.cause) == ("SUCCEEDED", "")
        assert world.serving(first["endpoint"]) == started.result["instance_id"]
        assert started.result["generation"] == 2
        assert orders(world) == []


def test_without_capacity_at_the_start_another_pool_is_asked():
    with serving(DOMAIN, seed=35) as (world, first):
        world.run("stop", {"name": "demo"})
        world.account.capacity.short(zone="us-east-1a")

        started = world.run("start", {"name": "demo"})

        assert (started.status, started.cause) == ("SUCCEEDED", "")
        assert started.result["instance_id"] != first["instance_id"]
        assert world.instances() == [started.result["instance_id"]]
        assert started.result["endpoint"] == first["endpoint"]
        asked = [call.parameters["NetworkInterfaces"][0]["SubnetId"] for call in launches(world)]
        assert len(asked) == 2
        world.quiet()
        assert workflows(world, "repair") == []


def test_a_start_for_which_no_pool_has_capacity_leaves_it_stopped_and_says_why():
    with serving(DOMAIN, seed=36, report_seconds=600) as (world, first):
        world.run("stop", {"name": "demo"})
        world.account.capacity.short("VcpuLimitExceeded")

        failed = world.run("start", {"name": "demo"})
        world.quiet()

        assert (failed.status, failed.error) == ("FAILED", "Refused")
        row = deployment(world)
        assert (row["desired"], row["status"]) == ("stopped", "stopped")
        assert row["reason"].startswith("Refused: ")
        assert world.instances() == [first["instance_id"]]
        assert state(world, first["instance_id"]) == "stopped"


@pytest.mark.parametrize("boot", [Boot(silent="loading"), Boot(fails="loading")])
def test_a_host_that_does_not_serve_after_its_start_is_stopped_and_then_replaced(boot):
    with serving(DOMAIN, seed=37, report_seconds=300) as (world, first):
        world.run("stop", {"name": "demo"})
        world.boots = [boot]

        failed = world.run("start", {"name": "demo"})

        assert failed.status == "FAILED"
        assert (deployment(world)["desired"], deployment(world)["status"]) == ("stopped", "stopped")
        world.pass_(hours=1)
        assert state(world, first["instance_id"]) == "stopped"
        assert "alarms" not in world.inventory()

        again = world.run("start", {"name": "demo"})

        assert (again.status, again.cause) == ("SUCCEEDED", "")
        assert again.result["generation"] == 2
        assert world.instances() == [again.result["instance_id"]]


def test_twice_is_once():
    with serving(DOMAIN, seed=38) as (world, first):
        both = [world.start("stop", {"name": "demo"}) for _ in range(2)]
        assert [world.ended(each).status for each in both] == ["SUCCEEDED"] * 2
        assert sorted(each.result["changed"] for each in both) == [False, True]
        assert len(world.history.of("instance", state="stopping")) == 1

        both = [world.start("start", {"name": "demo"}) for _ in range(2)]
        assert [world.ended(each).status for each in both] == ["SUCCEEDED"] * 2
        assert sorted(each.result["changed"] for each in both) == [False, True]
        assert world.serving(first["endpoint"]) == first["instance_id"]


def test_a_stop_ends_the_repair_that_waits_for_a_host():
    with serving(DOMAIN, seed=39) as (world, first):
        world.account.capacity.short(seconds=3 * 3600)
        world.terminate(first["instance_id"])
        world.until(lambda: bool(world.history.of("entered", state="AwaitCapacity")))

        stopped = world.run("stop", {"name": "demo"})

        assert (stopped.status, stopped.result["kept"]) == ("SUCCEEDED", False)
        world.pass_(hours=4)
        assert world.instances() == []
        assert deployment(world)["status"] == "stopped"


def test_a_repair_and_every_event_leave_what_is_stopped_alone():
    with serving(DOMAIN, seed=40, duplicates=1.0) as (world, first):
        world.run("stop", {"name": "demo"})

        by_hand = world.run("repair", {"name": "demo", "force": True})
        world.terminate(first["instance_id"])
        world.pass_(hours=2)

        assert by_hand.result["outcome"] == "skipped"
        assert "only a command starts it" in by_hand.result["why"]
        assert len(world.executions.all) == 2
        started = world.run("start", {"name": "demo"})
        assert (started.status, started.result["generation"]) == ("SUCCEEDED", 2)


def test_up_starts_what_is_stopped():
    with serving(DOMAIN, seed=41) as (world, first):
        world.run("stop", {"name": "demo"})

        again = world.up(**DOMAIN)

        assert again["instance_id"] == first["instance_id"]
        assert launches(world) == []
        assert world.serving(first["endpoint"]) == first["instance_id"]
        assert deployment(world)["desired"] == "present"


@pytest.mark.parametrize("minutes", [0.2, 1, 20])
@pytest.mark.parametrize("verb", ["stop", "start"])
def test_down_works_from_every_state_in_between(verb, minutes):
    with serving(DOMAIN, seed=42) as (world, first):
        world.hosts[first["instance_id"]].requests_until = world.clock.seconds + 90
        if verb == "start":
            world.run("stop", {"name": "demo"})
        execution = world.start(verb, {"name": "demo"})
        world.pass_(minutes=minutes)

        assert world.down("demo") == {"name": "demo", "left": 0}

        assert not world.ended(execution).runs
        world.quiet()
        assert world.inventory() == {}


@pytest.mark.parametrize("at", ["DrainHost", "HaltHost", "RecordStop"])
def test_a_stop_that_was_aborted_is_finished_by_the_look_of_every_minute(at):
    with serving(DOMAIN, seed=43) as (world, first):
        execution = world.start("stop", {"name": "demo"})
        world.until(lambda: at in entered(world, execution.name))
        world.executions.stop(execution.arn)

        world.pass_(minutes=25)

        assert deployment(world)["status"] == "stopped"
        assert state(world, first["instance_id"]) == "stopped"
        assert len(workflows(world, "stop-demo-look")) == 1
        assert rows(world, "lock") == []


@pytest.mark.parametrize("at", ["EnsureRole", "StartHost", "AwaitServing"])
def test_a_start_that_was_aborted_is_finished_by_the_look_of_every_minute(at):
    with serving(DOMAIN, seed=44) as (world, first):
        world.run("stop", {"name": "demo"})
        execution = world.start("start", {"name": "demo"})
        world.until(lambda: at in entered(world, execution.name))
        world.executions.stop(execution.arn)

        world.pass_(minutes=40)

        assert world.serving(first["endpoint"]) == first["instance_id"]
        assert rows(world, "lock") == []


def test_a_stop_that_ec2_refuses_leaves_it_serving():
    with serving(DOMAIN, seed=45) as (world, first):
        refused = error("UnauthorizedOperation", status=403)
        world.account.fault(operation="StopInstances", error=refused, times=None)

        failed = world.run("stop", {"name": "demo"})
        world.account.faults.planted.clear()
        world.pass_(minutes=5)

        assert (failed.status, failed.error) == ("FAILED", "Refused")
        row = deployment(world)
        assert (row["desired"], row["status"]) == ("present", "serving")
        assert world.serving(first["endpoint"]) == first["instance_id"]
        assert orders(world) == []
        assert "alarms" in world.inventory()


def test_what_has_not_served_and_what_is_gone_is_neither_stopped_nor_started():
    with World.open(seed=46) as world:
        provision = world.start("provision", DOMAIN)
        world.until(lambda: bool(world.hosts))
        refused = [world.run(verb, {"name": "demo"}) for verb in ("stop",)]
        world.ended(provision)
        world.down("demo")
        gone = [world.run(verb, {"name": "demo"}) for verb in ("stop", "start")]

        assert [each.error for each in refused] == ["InvalidRequest"]
        assert [each.error for each in gone] == ["NotFound", "NotFound"]
        assert provision.status == "SUCCEEDED"
        assert world.run("start", {"name": "never"}).error == "NotFound"
