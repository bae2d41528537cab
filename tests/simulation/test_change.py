"""Another specification for a deployment that serves, with a client that asks every second."""

from __future__ import annotations

import json

import pytest
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
    stored,
    write,
)

MOVING = 10  # seconds of refusals after the last request on the old host, without a name
BY_NAME_OR_ADDRESS = pytest.mark.parametrize("spec", [DOMAIN, ADDRESS], ids=["name", "address"])
# Where a change can fail before its host is promoted, and the call that is refused there.
BEFORE = {
    "EnsureNetwork": "DescribeVpcs",
    "EnsureRegistry": "DescribeRepositories",
    "EnsureBucket": "GetBucketVersioning",
    "EnsureRole": "GetInstanceProfile",
    "EnsureScripts": "ListObjectsV2",
    "EnsureKeys": "DescribeParameters",
    "EnsureInstance": "RunInstances",
}


def policy(world):
    [role] = world.account.client("iam").list_roles(PathPrefix="/lamplighter/")["Roles"]
    iam = world.account.client("iam")
    found = iam.get_role_policy(RoleName=role["RoleName"], PolicyName="host")
    return found["PolicyDocument"]["Statement"]


@BY_NAME_OR_ADDRESS
def test_another_model_is_served_by_a_new_host_while_the_old_one_serves(spec):
    with serving(spec, seed=41, report_seconds=300) as (world, first):
        client = Client(world, first["endpoint"], ttl_seconds=60 if spec is DOMAIN else 0)
        world.boots = [quick()]

        changed = world.up(**{**spec, "model": "other"})
        world.quiet()

        assert client.models == ["m", "other"]
        assert client.failures == [] or spec is ADDRESS
        assert client.gap <= MOVING  # no request runs that would have to end first
        assert world.instances() == [changed["instance_id"]] != [first["instance_id"]]
        assert changed["generation"] == 2
        assert stored(world)["model"] == "other"
        assert kept(world) == ["m", "other"]
        assert len(world.inventory()["addresses"]) == 1
        assert world.down("demo") == {"name": "demo", "left": 0}
        assert rows(world, "spec#") == []


@BY_NAME_OR_ADDRESS
@pytest.mark.parametrize(
    ("boot", "error"),
    [
        (quick(fails="loading", cause="CUDA error"), "HostFailed"),
        (quick(silent="loading"), "HostSilent"),
    ],
    ids=["fails", "silent"],
)
def test_a_change_whose_host_never_serves_changes_nothing(spec, boot, error):
    with serving(spec, seed=42, report_seconds=300) as (world, first):
        client, before = Client(world, first["endpoint"]), policy(world)
        world.boots = [boot]

        ended = world.run("provision", {**spec, "model": "other"})
        world.quiet()

        assert (ended.status, ended.error) == ("FAILED", error)
        assert "the change was not made: generation 1 stays as it is" in ended.cause
        assert (client.failures, client.models) == ([], ["m"])
        is_untouched(world, first, spec)
        assert kept(world) == ["m"]
        assert policy(world) == before


@pytest.mark.parametrize("state", BEFORE)
def test_a_change_that_fails_at_a_state_leaves_what_serves(state):
    with serving(DOMAIN, seed=43, report_seconds=300, duplicates=0) as (world, first):
        before, rules = policy(world), firewall(world)
        execution = world.start(
            "provision",
            {**DOMAIN, "model": "other", "network": {"allowed_cidrs": ["203.0.113.0/24"]}},
        )
        world.until(lambda: state in entered(world, execution.name))
        denied = refusal(BEFORE[state])
        world.account.fault(operation=BEFORE[state], error=denied, times=None)

        ended = world.ended(execution)
        world.account.faults.planted.clear()
        world.quiet()

        assert ended.status == "FAILED", (state, ended.status)
        is_untouched(world, first, DOMAIN)
        assert firewall(world) == rules
        world.run("provision", DOMAIN)
        assert policy(world) == before


def refusal(operation):
    from awssim.faults import Refusal  # noqa: PLC0415

    codes = {"GetBucketVersioning": "AccessDenied", "GetInstanceProfile": "AccessDenied"}
    return Refusal(codes.get(operation, "UnauthorizedOperation"), status=403)


def firewall(world):
    with world.account.uncounted():
        groups = world.account.client("ec2").describe_security_groups()["SecurityGroups"]
    [ours] = [each for each in groups if each["GroupName"] == "lamplighter-demo"]
    return sorted(
        peer["CidrIp"] for rule in ours["IpPermissions"] for peer in rule.get("IpRanges", [])
    )


def test_a_host_that_does_not_answer_the_canary_fails_the_change_and_gets_no_traffic():
    with serving(DOMAIN, seed=44, report_seconds=300) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [quick()]
        asked = {"prompt": "What is 2 + 2?", "contains": "four", "max_seconds": 5}

        ended = world.run("provision", {**DOMAIN, "model": "other", "canary": {"prompts": [asked]}})
        world.quiet()

        assert (ended.status, ended.error) == ("FAILED", "CanaryFailed")
        assert "'What is 2 + 2?'" in ended.cause
        assert "expected: a text with 'four' within 5 s; got: 'pong'" in ended.cause
        assert client.failures == []
        is_untouched(world, first, DOMAIN)


def test_a_change_whose_canary_passes_says_so_in_the_history():
    with serving(DOMAIN, seed=45, report_seconds=300) as (world, _):
        world.boots = [quick()]

        asked = {"prompts": [{"prompt": "ping", "contains": "PONG"}]}
        world.up(**{**DOMAIN, "model": "other"}, canary=asked)

        [said] = [each for each in rows(world, "event#") if each["what"] == "canary"]
        assert said["text"].startswith("passed: generation 2 answered 1 prompts in ")


@BY_NAME_OR_ADDRESS
def test_a_host_that_is_lost_after_the_canary_is_followed_before_any_traffic_moves(spec):
    """dstack#4186: what fails beside it never takes down what serves."""
    with serving(spec, seed=46, report_seconds=300, duplicates=0) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [quick() for _ in range(3)]
        execution = world.start("provision", {**spec, "model": "other"})
        world.until(lambda: "PromoteHost" in entered(world, execution.name))
        [new] = set(world.instances()) - {first["instance_id"]}
        world.terminate(new)

        ended = world.ended(execution)
        world.quiet()

        assert ended.status == "SUCCEEDED"
        assert client.models == ["m", "other"]
        assert client.failures == [] or spec is ADDRESS
        assert client.gap <= MOVING
        assert world.instances() == [world.serving(first["endpoint"])]


@BY_NAME_OR_ADDRESS
@pytest.mark.parametrize("follow", ["same", "another", "repair"])
def test_a_change_that_is_aborted_is_continued_replaced_or_forgotten(spec, follow):
    with serving(spec, seed=48, report_seconds=300, duplicates=0) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [quick(never="loading"), quick(), quick()]
        execution = world.start("provision", {**spec, "model": "other"})
        world.until(lambda: len(world.instances()) == 2)
        world.until(lambda: "AwaitServing" in entered(world, execution.name))
        [candidate] = set(world.instances()) - {first["instance_id"]}
        world.executions.stop(execution.arn, "aborted", "by hand")
        assert stored(world)["model"] == "m"

        if follow == "repair":
            world.quiet()
            world.run("repair", {"name": "demo"})
            is_untouched(world, first, spec)
        else:
            write(world, paused_at="2026-01-01T00:00:00+00:00")  # else a repair may be first
            model = "other" if follow == "same" else "third"
            again = world.start("provision", {**spec, "model": model})
            if follow == "same":
                world.until(lambda: "AwaitServing" in entered(world, again.name))
                world.hosts[candidate].become("serving")
            assert world.ended(again).status == "SUCCEEDED"
            world.quiet()
            assert world.hosts[world.instances()[0]].env["MODEL"] == model
            assert (world.instances() == [candidate]) == (follow == "same")
        assert client.failures == [] or spec is ADDRESS


def test_a_change_during_a_change_waits_and_is_judged_by_what_then_serves():
    with serving(DOMAIN, seed=49, report_seconds=300, duplicates=0) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [quick() for _ in range(3)]
        one = world.start("provision", {**DOMAIN, "model": "other"})
        two = world.start("provision", {**DOMAIN, "model": "third"})
        same = world.start("provision", {**DOMAIN, "model": "third"})

        assert {world.ended(each).status for each in (one, two, same)} == {"SUCCEEDED"}
        world.quiet()

        assert client.failures == []
        assert client.models[0] == "m"
        assert set(kept(world)) == {"m", "other", "third"}
        [instance] = world.instances()
        assert world.hosts[instance].env["MODEL"] == kept(world)[-1] == stored(world)["model"]


def test_what_can_be_changed_in_place_touches_no_host():
    with serving(DOMAIN, seed=50, report_seconds=300) as (world, first):
        client = Client(world, first["endpoint"])
        network = {"allowed_cidrs": ["203.0.113.0/24", "198.51.100.0/24"]}

        changed = world.up(**DOMAIN, network=network, budget={"monthly_usd": 500})
        world.quiet()

        assert changed["instance_id"] == first["instance_id"]
        assert firewall(world) == sorted(network["allowed_cidrs"] * 2)
        assert stored(world)["network"]["allowed_cidrs"] == network["allowed_cidrs"]
        assert stored(world)["budget"]["monthly_usd"] == 500
        assert client.failures == []
        assert len(world.history.of("instance", state="pending")) == 0


def test_a_specification_that_served_before_serves_again():
    with serving(DOMAIN, seed=51, report_seconds=300) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [quick(), quick()]
        world.up(**{**DOMAIN, "model": "other"})
        earlier = json.loads(min(rows(world, "spec#"), key=lambda each: each["at"])["spec"])

        back = world.up(**earlier, asked_by="arn:aws:iam::123456789012:user/alice")
        world.quiet()

        assert client.models == ["m", "other"]
        assert world.hosts[back["instance_id"]].env["MODEL"] == "m"
        assert client.failures == []
        newest = max(rows(world, "spec#"), key=lambda each: each["at"])
        assert newest["by"] == "arn:aws:iam::123456789012:user/alice"
        assert json.loads(newest["changed"]) == [{"key": "model", "old": "other", "new": "m"}]


def test_a_rotation_launches_a_new_host_of_the_same_specification():
    with serving(DOMAIN, seed=52, report_seconds=300) as (world, first):
        client, before = Client(world, first["endpoint"]), stored(world)
        world.boots = [quick()]

        rotated = world.up(name="demo", rotate=True)
        world.quiet()

        assert rotated["instance_id"] != first["instance_id"]
        assert world.instances() == [rotated["instance_id"]]
        assert stored(world) == before
        assert kept(world) == ["m"]
        assert client.failures == []


def test_only_the_last_ten_specifications_are_kept():
    with serving(DOMAIN, seed=53, report_seconds=300) as (world, _):
        for dollars in range(100, 112):
            world.up(**DOMAIN, budget={"monthly_usd": dollars})

        found = sorted(rows(world, "spec#"), key=lambda each: each["at"])
        assert [json.loads(each["spec"])["budget"]["monthly_usd"] for each in found] == list(
            range(102, 112)
        )


def test_a_repair_after_a_change_that_failed_launches_what_served():
    with serving(DOMAIN, seed=54, report_seconds=300) as (world, first):
        world.boots = [quick(fails="loading"), quick()]
        world.run("provision", {**DOMAIN, "model": "other"})
        world.quiet()

        world.terminate(first["instance_id"])
        world.until(lambda: world.serving(first["endpoint"]) is not None)
        world.quiet()

        [instance] = world.instances()
        assert world.hosts[instance].env["MODEL"] == "m"


def test_a_request_that_runs_longer_than_the_new_limit_ends_before_its_host_does():
    limits = {"default_timeout_seconds": 30, "max_timeout_seconds": 60}
    with serving(DOMAIN, seed=55, report_seconds=300) as (world, first):
        world.boots = [quick()]
        old = world.hosts[first["instance_id"]]
        old.requests_until = world.clock.seconds + 590

        world.up(**DOMAIN, gateway=limits)

        [end] = world.history.of("instance", state="shutting-down")
        assert end.seconds >= old.requests_until


@pytest.mark.parametrize(
    "wrong",
    [
        {"network": {"cidr": "10.9.0.0/16"}},
        {"network": {"zones": 3}},
        {"network": {"nat": "single"}},
        {"dns": {"domain": "example.com", "subdomain": "other"}},
        {"dns": {}},
    ],
    ids=json.dumps,
)
def test_what_cannot_be_changed_is_refused_with_the_way_round(wrong):
    with serving(DOMAIN, seed=56, report_seconds=300) as (world, first):
        before = len(world.account.creating_calls())

        ended = world.run("provision", {**DOMAIN, **wrong})

        assert (ended.status, ended.error) == ("FAILED", "DeploymentExists")
        assert "set up a second deployment under another name" in ended.cause
        world.quiet()
        is_untouched(world, first, DOMAIN)
        calls = world.account.creating_calls()[before:]
        assert {each.service for each in calls} <= {"dynamodb", "stepfunctions"}


def test_the_old_host_reboots_into_what_it_serves_while_a_change_is_made():
    with serving(DOMAIN, seed=57, report_seconds=300, duplicates=0) as (world, first):
        world.boots = [quick(never="loading"), quick()]
        execution = world.start("provision", {**DOMAIN, "model": "other"})
        world.until(lambda: "AwaitServing" in entered(world, execution.name))
        old = first["instance_id"]
        [candidate] = set(world.instances()) - {old}
        world.until(lambda: candidate in world.hosts)

        with world.account.uncounted():
            world.account.client("ec2").reboot_instances(InstanceIds=[old])
        world.until(lambda: old in world.hosts and world.hosts[old].serves)

        assert world.hosts[old].env["MODEL"] == "m"
        assert world.serving(first["endpoint"]) == old
        world.hosts[candidate].become("serving")
        assert world.ended(execution).status == "SUCCEEDED"
