"""No pool has capacity, for minutes or hours of virtual time: what is built stays, one comes."""

from __future__ import annotations

import pytest
from awssim import error
from awssim.clients import ACCOUNT_ID, REGION
from moto.ec2 import ec2_backends
from simlab import Boot, World
from simulation.replacement import rows

SPEC = {"name": "demo", "model": "m", "dns": {"domain": "example.com"}}
QUOTA = "Service Quotas"


def launches(world):
    return len(world.history.of("instance", state="pending"))


def waiting(world):
    """What `lamplighter status` shows of the host that is waited for."""
    hosts = [row for row in rows(world, "host#") if row.get("phase") == "waiting for capacity"]
    return hosts[0]["cause"] if hosts else None


def builds(world):
    return [call for call in world.account.calls if call.operation == "StartBuild"]


def test_capacity_that_returns_after_ten_minutes_is_used_by_the_same_provision():
    with World.open(seed=21) as world:
        world.account.capacity.short(seconds=600 + 300)
        execution = world.start("provision", SPEC)
        world.until(lambda: waiting(world) is not None)

        assert "g6.xlarge in us-east-1" in waiting(world)
        assert "asked once, until " in waiting(world)
        built = world.inventory()
        ended = world.ended(execution)

        assert (ended.status, ended.cause) == ("SUCCEEDED", "")
        assert launches(world) == 1
        assert len(builds(world)) == 1
        assert waiting(world) is None
        assert all(set(ids) <= set(world.inventory()[kind]) for kind, ids in built.items())


def test_capacity_that_returns_after_five_hours_repairs_the_deployment():
    with World.open(seed=22) as world:
        first = world.up(**SPEC)
        world.account.capacity.short(seconds=5 * 3600)
        before, launched = world.inventory(), launches(world)
        world.terminate(first["instance_id"])

        world.until(lambda: world.serving(first["endpoint"]) is not None, hours=6)
        world.quiet()

        assert launches(world) == launched + 1
        assert world.instances() == [world.serving(first["endpoint"])]
        assert world.inventory()["vpcs"] == before["vpcs"]
        [incident] = rows(world, "incident#")
        assert incident["outcome"] == "repaired"
        # EC2 reports a loss by two events: a second repair waits for the lock, not for capacity
        ended = world.executions.all.values()
        assert {each.status for each in ended} == {"SUCCEEDED"}
        assert [each.result.get("outcome") for each in ended].count("repaired") == 1
        assert 5 * 3600 <= float(incident["seconds"]) <= 5.5 * 3600


def test_a_provision_gives_up_at_its_deadline_and_rolls_back():
    with World.open(seed=23) as world:
        world.account.capacity.short()

        ended = world.run("provision", {**SPEC, "instance": {"wait_minutes": 20}})

        assert (ended.status, ended.error) == ("FAILED", "InsufficientCapacity")
        assert "no capacity for g6.xlarge in us-east-1" in ended.cause
        assert "(rolled back: 0 resources left)" in ended.cause
        assert world.inventory() == {}
        assert waiting(world) is None


@pytest.mark.parametrize(
    ("reason", "is_asked_again"),
    [("Server.SpotInstanceTermination", False), ("Client.UserInitiatedShutdown", True)],
)
def test_a_pool_whose_host_ec2_takes_back_is_asked_last(reason, is_asked_again):
    with World.open(seed=29) as world:
        world.boots = [Boot(never="loading")]
        types = {"types": ["g6.xlarge", "g5.xlarge"]}
        execution = world.start("provision", {**SPEC, "instance": types})
        world.until(lambda: world.hosts)
        [lost] = world.hosts
        world.terminate(lost)
        ec2_backends[ACCOUNT_ID][REGION].get_instance(lost).state_reason.code = reason

        ended = world.ended(execution)

        assert ended.status == "SUCCEEDED"
        asked = [c.parameters for c in world.account.calls if c.operation == "RunInstances"]
        subnets = [each["NetworkInterfaces"][0]["SubnetId"] for each in asked]
        assert [each["InstanceType"] for each in asked] == ["g6.xlarge"] * 2
        assert (subnets[0] == subnets[1]) == is_asked_again


def test_a_quota_ends_the_provision_at_once():
    with World.open(seed=24) as world:
        world.account.capacity.short("VcpuLimitExceeded")

        ended = world.run("provision", SPEC)

        assert (ended.status, ended.error) == ("FAILED", "Refused")
        assert QUOTA in ended.cause
        asked = [call for call in world.account.calls if call.operation == "RunInstances"]
        assert len(asked) == 1


@pytest.mark.parametrize("verb", ["provision", "repair"])
def test_a_teardown_ends_the_wait_at_once(verb):
    with World.open(seed=25) as world:
        if verb == "repair":
            first = world.up(**SPEC)
        world.account.capacity.short()
        if verb == "repair":
            world.terminate(first["instance_id"])
        else:
            world.start("provision", SPEC)
        world.until(lambda: waiting(world) is not None)

        began, launched = world.clock.seconds, launches(world)
        assert world.down("demo") == {"name": "demo", "left": 0}

        assert world.clock.seconds - began < 600
        assert launches(world) == launched
        world.quiet()
        assert world.inventory() == {}


def test_a_provision_that_is_stopped_while_it_waits_is_continued_by_the_next_one():
    with World.open(seed=26) as world:
        world.account.capacity.short(seconds=3600)
        execution = world.start("provision", SPEC)
        world.until(lambda: waiting(world) is not None)
        world.executions.stop(execution.arn, "aborted", "by hand")
        world.pass_(hours=1)

        served = world.up(**SPEC)

        assert launches(world) == 1
        assert len(builds(world)) == 1
        assert world.instances() == [served["instance_id"]]


def test_throttled_launches_mark_no_pool():
    with World.open(seed=27) as world:
        world.account.fault(
            operation="RunInstances", error=error("RequestLimitExceeded", status=503), times=5
        )

        world.up(**SPEC)

        calls = [call for call in world.account.calls if call.operation == "RunInstances"]
        assert len(calls) == 6
        assert len({call.parameters["NetworkInterfaces"][0]["SubnetId"] for call in calls}) == 1
        assert world.history.of("entered", state="AwaitCapacity") == []


def test_a_host_that_is_lost_while_it_boots_is_followed_by_one_in_another_pool():
    with World.open(seed=28) as world:
        execution = world.start("provision", SPEC)
        world.until(lambda: bool(world.hosts))
        [lost] = world.instances()
        world.account.capacity.short(zone="us-east-1a")
        world.terminate(lost)

        ended = world.ended(execution)

        assert (ended.status, ended.cause) == ("SUCCEEDED", "")
        assert launches(world) == 2
        zones = [row.get("pool") for row in rows(world, "resource#instance-2")]
        assert "us-east-1b" in zones[0]
