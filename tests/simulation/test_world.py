"""What the simulation promises: one seed, one history; and each part as AWS has it."""

from __future__ import annotations

import json

import pytest
from simlab import World
from simlab.events import matches
from simlab.template import stack
from simlab.workflows.definitions import check
from simlab.workflows.failure import Unsupported

SPEC = {"name": "demo", "model": "m", "dns": {"domain": "example.com"}, "on_failure": "keep"}
PASS = {"Type": "Pass", "End": True}


def has_called(world, operation):
    return any(call.operation == operation for call in world.account.calls)


def beginning(seed):
    """The first minutes of a provision: the network, a build, an instance, its first reports."""
    with World.open(seed, tag_lag=20, duplicates=0.5) as world:
        world.start("provision", SPEC)
        world.pass_(minutes=3)
        return str(world.history)


def test_one_seed_is_one_history_and_another_seed_another():
    another, first = beginning(12), beginning(11)

    assert "phase=booting" in first
    assert beginning(11) == first
    assert another != first


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_function_that_hangs_is_killed_at_its_timeout_and_repeated(when):
    with World.open(seed=13) as world:
        hangs = [3600]

        def hang(_):
            world.clock.advance(hangs.pop() if hangs else 0)
            return False

        # its condition takes the time; the crash itself never comes
        world.account.fault(operation="CreateVpc", when=when, where=hang, crash=True)
        execution = world.start("provision", SPEC)
        world.until(lambda: has_called(world, "CreateSecurityGroup"))

        assert len(world.history.of("invoked", outcome="Sandbox.Timedout")) == 1
        assert execution.runs
        assert len(world.inventory()["vpcs"]) == 1


def test_a_function_that_dies_is_repeated():
    with World.open(seed=14) as world:
        world.account.fault(operation="CreateVpc", when="after", crash=True)
        world.start("provision", SPEC)
        world.until(lambda: has_called(world, "CreateSecurityGroup"))

        assert len(world.history.of("invoked", outcome="Runtime.ExitError")) == 1
        assert len(world.inventory()["vpcs"]) == 1


def test_an_execution_that_was_stopped_does_nothing_more():
    with World.open(seed=15) as world:
        execution = world.start("provision", SPEC)
        world.pass_(seconds=3)
        world.executions.stop(execution.arn)
        invoked = len(world.history.of("invoked"))

        world.pass_(hours=1)

        assert execution.status == "ABORTED"
        assert len(world.history.of("invoked")) == invoked


def test_hosts_of_an_account_that_was_there_before_serve():
    def restore(account):
        client = account.client
        with account.uncounted():
            client("s3").create_bucket(Bucket="scripts")
            env = "DEPLOYMENT=demo\nEVENT_BUS=lamplighter\nREPORT_SECONDS=30\n"
            client("s3").put_object(Bucket="scripts", Key="1/deployment.env", Body=env.encode())
            [image] = client("ec2").describe_images(
                Filters=[{"Name": "name", "Values": ["*noble*"]}]
            )["Images"]
            for data in ('bucket = "scripts"\nfolder = "1"\n', "#!/bin/sh\n"):
                client("ec2").run_instances(
                    ImageId=image["ImageId"], InstanceType="t3.micro", UserData=data,
                    MinCount=1, MaxCount=1,
                )  # fmt: skip
        account.clock.advance(60)

    with World.open(restore=restore) as world:
        assert [host.serves for host in world.hosts.values()] == [True]
        world.terminate(*world.hosts)
        assert world.hosts == {}


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Map", "End": True},
        {**PASS, "InputPath": "$.x"},
        {**PASS, "Next": "Only"},
        {"Type": "Pass", "Next": "Nowhere"},
        {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True},
        {**PASS, "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
         "Retry": [{"ErrorEquals": ["X"], "JitterStrategy": "SOME"}]},
        {**PASS, "Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": PASS}}] * 2},
        {"Type": "Wait", "Timestamp": "2026-01-01T00:00:00Z", "End": True},
    ],
)  # fmt: skip
def test_what_the_interpreter_does_not_know_is_refused(state):
    machine = {"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": state}}

    with pytest.raises(Unsupported):
        check(machine)


def test_a_definition_of_what_the_interpreter_knows_is_accepted():
    machine = {"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": PASS}}

    assert check(machine) == machine


def test_a_rule_matches_the_events_that_its_pattern_means():
    rules = {rule.name: rule for rule in stack({}).rules}
    patterns = [rule.pattern for rule in rules.values() if "aws.ec2" in json.dumps(rule.pattern)]
    state, spot = "EC2 Instance State-change Notification", "EC2 Spot Instance Interruption Warning"

    def wanted(source, kind, **detail):
        event = {"source": source, "detail-type": kind, "detail": detail}
        return any(matches(pattern, event) for pattern in patterns)

    assert wanted("aws.ec2", state, state="stopped")
    assert wanted("aws.ec2", spot)
    assert not wanted("aws.ec2", state, state="running")
    assert not wanted("aws.ec2", state)
    assert not wanted("aws.autoscaling", state, state="stopped")


def test_a_prefix_matches_what_begins_with_it():
    pattern = {"source": [{"prefix": "ours."}, "theirs"]}

    assert [matches(pattern, {"source": s}) for s in ("ours.a", "theirs")] == [True, True]
    assert [matches(pattern, {"source": s}) for s in ("ours", "theirs.a", None)] == [False] * 3


def test_a_pattern_with_a_filter_is_refused():
    with pytest.raises(Unsupported, match="suffix"):
        matches({"source": [{"suffix": "aws."}]}, {"source": "aws.ec2"})


def test_a_parameter_that_the_template_lacks_is_refused():
    with pytest.raises(Unsupported, match="NoSuchParameter"):
        stack({"NoSuchParameter": "1"})
