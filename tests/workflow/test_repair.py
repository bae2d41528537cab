"""An instance is lost: exactly one repair, the same endpoint, and no reaction to anything else."""

from __future__ import annotations

import uuid

import pytest
from patience import eventually
from twin import control as twins

from workflow.instance_events import TERMINATION, answers, settled

pytestmark = pytest.mark.twin

STATE_CHANGE = "EC2 Instance State-change Notification"
NO_QUOTA = {"code": "VcpuLimitExceeded", "message": "none", "status": 400}


@pytest.fixture
def repairs(live):
    """Lists the deployment's repairs since the test began."""
    aws, _ = live
    before = aws.repairs("alpha")
    return lambda: [each for each in aws.repairs("alpha") if each not in before]


def terminated(aws):
    """Terminate the instance, and wait until nobody has anything to do about it any more."""
    earlier = len(answers(aws, aws.newest_host("alpha")["instance_id"]))
    lost = twins.break_(aws.twin.state, "terminate", "alpha")
    settled(aws, lost, earlier + TERMINATION)
    return lost


@pytest.mark.parametrize(("how", "events"), [("terminate", 0), ("stop", 2), ("spot-warning", 1)])
def test_a_lost_instance_is_replaced_exactly_once(live, repairs, how, events):
    aws, before = live

    lost = twins.break_(aws.twin.state, how, "alpha")
    settled(aws, lost, events + TERMINATION)
    [incident] = repairs()

    assert incident["outcome"] == "repaired"
    assert incident["instance_id"] == lost == before["instance_id"]
    assert aws.instances("alpha") == [incident["replaced_by"]]
    assert aws.deployment("alpha")["endpoint"] == before["endpoint"]
    assert aws.deployment("alpha")["status"] == "serving"
    assert "stub engine" in aws.ask("alpha")


def test_a_repeated_event_leads_to_no_repair(live, repairs):
    aws, _ = live
    lost = terminated(aws)
    [incident] = repairs()

    for _ in range(3):
        aws.put_event("aws.ec2", STATE_CHANGE, {"instance-id": lost, "state": "terminated"})
    settled(aws, lost, TERMINATION + 3)

    assert repairs() == [incident]
    assert aws.instances("alpha") == [incident["replaced_by"]]


def test_an_event_delivered_twice_starts_one_execution(live):
    aws, before = live
    started = len(aws.executions("repair"))
    event = {
        "id": str(uuid.uuid4()),
        "source": "aws.ec2",
        "detail-type": STATE_CHANGE,
        "detail": {"instance-id": before["instance_id"], "state": "shutting-down"},
    }

    answers = [aws.invoke("InstanceEvent", event) for _ in range(2)]
    aws.quiet()

    assert answers[0] == answers[1]
    assert len(aws.executions("repair")) == started + 1


def test_a_healthy_instance_is_repaired_by_force_only(live):
    aws, before = live

    asked = aws.run("repair", {"name": "alpha", "reason": "manual", "force": False})
    forced = aws.run("repair", {"name": "alpha", "reason": "manual", "force": True})

    assert asked["output"]["outcome"] == "skipped"
    assert "answers" in asked["output"]["why"]
    assert forced["output"]["outcome"] == "repaired"
    assert aws.instances("alpha") == [forced["output"]["instance_id"]]
    assert before["instance_id"] not in aws.instances("alpha")


def test_a_repair_without_quota_fails_and_says_so_and_the_next_one_succeeds(live, repairs):
    aws, _ = live
    by_hand = {"name": "alpha", "reason": "manual", "force": True}

    aws.fault("ec2.RunInstances", **NO_QUOTA)
    failed = aws.run("repair", by_hand)
    row = aws.deployment("alpha")
    succeeded = aws.run("repair", by_hand)

    assert aws.struck()
    assert (failed["status"], failed["error"]) == ("FAILED", "Refused")
    assert "none; ask AWS to raise the EC2 vCPU quota" in failed["cause"]
    assert row["status"] == "serving"  # what served goes on serving
    assert row["reason"].startswith("Refused: ")
    assert succeeded["output"]["outcome"] == "repaired"
    assert [incident["outcome"] for incident in repairs()] == ["failed", "repaired"]
    assert aws.deployment("alpha")["status"] == "serving"


def test_a_loss_that_finds_no_quota_is_repaired_at_once_when_an_operator_asks(live, repairs):
    """By itself Lamplighter tries again after two minutes (tests/chaos)."""
    aws, _ = live
    aws.fault("ec2.RunInstances", **NO_QUOTA)

    lost = terminated(aws)
    eventually(repairs, bool, 60)
    failed = repairs()[-1]
    asked = aws.run("repair", {"name": "alpha", "reason": "manual"})

    assert aws.struck()
    succeeded = repairs()[-1]
    assert (failed["outcome"], succeeded["outcome"]) == ("failed", "repaired")
    assert (failed["instance_id"], succeeded["instance_id"]) == (lost, lost)
    assert aws.describe(failed["execution"])["error"] == "Refused"
    assert aws.instances("alpha") == [asked["output"]["instance_id"]]
    assert aws.deployment("alpha")["status"] == "serving"


def test_our_own_teardown_starts_no_repair(live, repairs):
    aws, before = live

    aws.down("alpha")
    answers = settled(aws, before["instance_id"], TERMINATION)

    assert [answer for answer in answers if "started" in answer] == []
    assert repairs() == []
    assert aws.inventory() == []


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail-type": STATE_CHANGE, "detail": {"instance-id": "i-0", "state": "terminated"}},
        {"detail-type": STATE_CHANGE, "detail": {"instance-id": 7, "state": "terminated"}},
        {"detail-type": STATE_CHANGE, "detail": "text"},
        {"detail-type": "Something Else", "detail": {"instance-id": "i-0"}},
    ],
)
def test_a_malformed_or_foreign_event_starts_nothing(aws, event):
    started = aws.executions("repair")

    answer = aws.invoke("InstanceEvent", event)

    assert "ignored" in answer
    assert aws.executions("repair") == started


@pytest.mark.parametrize(
    "detail",
    [{}, {"deployment": "unknown", "instance_id": "i-0", "phase": "serving"}, {"phase": 7}],
)
def test_a_malformed_or_foreign_report_is_dropped(aws, detail):
    event = {"source": "lamplighter.host.unknown", "detail": detail}
    assert aws.invoke("HostReport", event) == "ignored"


def test_a_foreign_instance_is_nobodys_business(aws):
    ec2 = aws.client("ec2")
    started = aws.executions("repair")
    image = aws.client("ssm").get_parameter(
        Name="/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    )["Parameter"]["Value"]
    launched = ec2.run_instances(ImageId=image, InstanceType="t3.large", MinCount=1, MaxCount=1)
    foreign = launched["Instances"][0]["InstanceId"]

    ec2.terminate_instances(InstanceIds=[foreign])
    answers = settled(aws, foreign, TERMINATION)

    assert answers == [{"ignored": f"{foreign} is not ours"}] * TERMINATION
    assert aws.executions("repair") == started


def test_a_repair_of_nothing_known_is_told(aws):
    ended = aws.run("repair", {"name": "nobody"})

    assert ended["error"] == "NotFound"
    assert "'nobody'" in ended["cause"]
