"""`lamplighter local break` on a host with the real agent: what breaks, and what mends it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from contracts.documents import document
from twin import control as twins

from .conftest import eventually
from .hosting import Hosted, pid_of, processes_of, shape

pytestmark = pytest.mark.twin
GOLDEN = document("aws_events")["events"]
PATTERN = {"source": ["aws.ec2", "aws.health", "aws.cloudwatch"]}


@pytest.fixture
def events(account: Any) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return what the account's default bus got since the last call."""
    yield from listening(account, "default", PATTERN)


def listening(
    account: Any, bus: str, pattern: dict[str, Any]
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    queues, rules = account.client("sqs"), account.client("events")
    queue = queues.create_queue(QueueName=f"of-{bus}")["QueueUrl"]
    named = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    rules.put_rule(Name="seen", EventBusName=bus, EventPattern=json.dumps(pattern))
    rules.put_targets(
        Rule="seen", EventBusName=bus, Targets=[{"Id": "seen", "Arn": named["QueueArn"]}]
    )

    def seen() -> list[dict[str, Any]]:
        got = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for each in got:
            queues.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return [json.loads(each["Body"]) for each in got]

    yield seen
    rules.remove_targets(Rule="seen", EventBusName=bus, Ids=["seen"])
    rules.delete_rule(Name="seen", EventBusName=bus)
    queues.delete_queue(QueueUrl=queue)


def break_(account: Any, how: str, **options: Any) -> str:
    return twins.break_(account.twin.state, how, **options)


def says(host: Hosted, text: str) -> str:
    """Return the agent's log once it has this text."""
    log = host.folder / "agent.log"
    return str(
        eventually(lambda: log.read_text() if log.exists() else "", lambda said: text in said, 60)
    )


def facts(host: Hosted) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((host.folder / "run" / "machine.json").read_text())
    return found


def ran(account: Any, host: Hosted, document: str) -> dict[str, Any]:
    """Return how the document ended on the host."""
    ssm = account.client("ssm")
    command = ssm.send_command(
        InstanceIds=[host.instance], DocumentName=f"{account.twin.stack}-{document}"
    )["Command"]["CommandId"]
    ended: dict[str, Any] = eventually(
        lambda: ssm.get_command_invocation(CommandId=command, InstanceId=host.instance),
        lambda found: found["Status"] in {"Success", "Failed"},
        60,
    )
    return ended


def refusal(call: Callable[..., Any], **parameters: Any) -> str | None:
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def test_a_killed_program_starts_again(account: Any, followed: Hosted) -> None:
    followed.serves()
    before = {part: pid_of(followed, part) for part in ("gateway", "vllm")}

    broken = [break_(account, how) for how in ("gateway-kill", "engine-kill")]
    after = eventually(
        lambda: dict(reversed(each) for each in processes_of(followed)),
        lambda seen: all(seen.get(f"{part}.log", pid) != pid for part, pid in before.items()),
        60,
    )

    followed.serves()
    assert broken == [followed.instance] * 2
    assert not set(after.values()) & set(before.values())


def test_an_agent_that_is_down_is_started_by_its_document(account: Any, followed: Hosted) -> None:
    followed.serves()
    break_(account, "agent-kill")
    time.sleep(2)  # longer than a restart by systemd takes
    down = [log for _, log in processes_of(followed)]

    ended = ran(account, followed, "RestartAgent")

    assert "agent.log" not in down
    assert (ended["Status"], ended["ResponseCode"]) == ("Success", 0), ended
    assert pid_of(followed, "agent")
    followed.serves()


def test_a_host_describes_itself_in_json(account: Any, followed: Hosted) -> None:
    followed.serves()

    ended = ran(account, followed, "Diagnose")

    assert ended["Status"] == "Success", ended
    assert "problems" in json.loads(ended["StandardOutputContent"])


def test_a_command_needs_a_document_and_a_host_that_is_on(account: Any, followed: Hosted) -> None:
    followed.serves()
    ssm, restart = account.client("ssm"), f"{account.twin.stack}-RestartAgent"
    unknown = refusal(ssm.send_command, InstanceIds=[followed.instance], DocumentName="another")

    break_(account, "stop")
    account.await_state(followed.instance, "stopped")
    stopped = refusal(ssm.send_command, InstanceIds=[followed.instance], DocumentName=restart)

    assert (unknown, stopped) == ("InvalidDocument", "InvalidInstanceId")


def test_a_wedged_engine_answers_without_tokens_until_it_is_repaired(
    account: Any, followed: Hosted
) -> None:
    says(followed, "to=serving")
    engine = pid_of(followed, "vllm")

    break_(account, "engine-wedge")
    listed = followed.models()
    with pytest.raises(httpx.ReadTimeout):
        followed.chat()
    wanted = followed.folder / "run" / "repair"
    wanted.with_name("request").write_text(json.dumps({"part": "engine", "why": "it hangs"}))
    wanted.with_name("request").rename(wanted)  # as the agent does after a minute without a token

    eventually(
        lambda: [pid for pid, log in processes_of(followed) if log == "vllm.log"],
        lambda pids: pids and engine not in pids,
        30,
    )
    assert listed is not None
    assert listed.status_code == 200
    assert eventually(followed.chat, lambda answer: answer.status_code == 200, 60)
    [repair] = json.loads((followed.folder / "run" / "repairs").read_text())
    assert repair["part"] == "engine"


def test_a_gpu_with_an_xid_fails_the_host_until_a_reboot(
    account: Any, events: Callable[[], list[dict[str, Any]]], followed: Hosted
) -> None:
    says(followed, "to=serving")
    events()

    break_(account, "gpu-xid")
    log = says(followed, "to=failed")
    seen = facts(followed)
    account.client("ec2").reboot_instances(InstanceIds=[followed.instance])
    eventually(lambda: facts(followed), lambda found: found["xids"] == {}, 60)
    followed.serves()

    assert "GPU fell off the bus; this machine must be replaced" in log
    assert seen["xids"] == {"79": 1}
    assert events() == []  # a reboot changes no state


def test_a_lost_gpu_and_a_full_disk_have_their_own_ends(account: Any, followed: Hosted) -> None:
    says(followed, "to=serving")
    ec2 = account.client("ec2")

    break_(account, "disk-full")
    break_(account, "gpu-lost")
    says(followed, "0 of 1 answer; this machine must be replaced")
    ec2.stop_instances(InstanceIds=[followed.instance])
    account.await_state(followed.instance, "stopped")
    ec2.start_instances(InstanceIds=[followed.instance])
    followed.serves()

    found = facts(followed)
    [address] = ec2.describe_addresses(AllocationIds=[followed.allocation])["Addresses"]
    assert found["gpus"]["here"] == 1
    assert found["disks"]["/"]["free"] < found["disks"]["/"]["size"] * 0.1
    assert address["InstanceId"] == followed.instance


def test_a_bad_model_is_explained_for_as_long_as_it_is_bad(account: Any, followed: Hosted) -> None:
    says(followed, "to=serving")

    break_(account, "bad-model", seconds=12)
    until = time.monotonic() + 12
    log = says(followed, "to=failed")
    time.sleep(max(0.0, until - time.monotonic()))
    account.client("ec2").reboot_instances(InstanceIds=[followed.instance])

    followed.serves()
    assert "vllm@0.service does not start: this vLLM does not know the model" in log


def test_a_failed_check_freezes_the_machine_and_sets_its_alarm_until_a_reboot(
    account: Any, events: Callable[[], list[dict[str, Any]]], followed: Hosted
) -> None:
    followed.serves()
    ec2, alarms = account.client("ec2"), account.client("cloudwatch")
    alarms.put_metric_alarm(
        AlarmName="hosted-instance", Namespace="AWS/EC2", MetricName="StatusCheckFailed_Instance",
        Dimensions=[{"Name": "InstanceId", "Value": followed.instance}], Statistic="Maximum",
        Period=60, EvaluationPeriods=2, Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )  # fmt: skip

    break_(account, "status-check", check="instance")
    [status] = ec2.describe_instance_status(InstanceIds=[followed.instance])["InstanceStatuses"]
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{followed.origin()}/v1/models", timeout=2)
    refused = refusal(
        account.client("ssm").send_command,
        InstanceIds=[followed.instance],
        DocumentName=f"{account.twin.stack}-Diagnose",
    )
    alarmed = changes(events, "ALARM")
    ec2.reboot_instances(InstanceIds=[followed.instance])
    cleared = changes(events, "OK")
    followed.serves()

    alarms.delete_alarms(AlarmNames=["hosted-instance"])
    assert status["InstanceStatus"]["Status"] == "impaired"
    assert refused == "InvalidInstanceId"
    metric = alarmed["configuration"]["metrics"][0]["metricStat"]["metric"]
    assert alarmed["alarmName"] == "hosted-instance"
    assert metric["dimensions"] == {"InstanceId": followed.instance}
    assert cleared["previousState"]["value"] == "ALARM"
    assert shape(alarmed) == shape(GOLDEN["alarm_instance_check"]["event"]["detail"])


def changes(events: Callable[[], list[dict[str, Any]]], state: str) -> dict[str, Any]:
    """Return the detail of an alarm's change to this state."""

    def details() -> list[dict[str, Any]]:
        found = [e for e in events() if e["detail-type"] == "CloudWatch Alarm State Change"]
        return [e["detail"] for e in found if e["detail"]["state"]["value"] == state]

    return dict(eventually(details, bool, 30)[0])


def test_capacity_is_away_for_its_time(account: Any, followed: Hosted) -> None:
    followed.serves()
    ec2 = account.client("ec2")
    launch = {
        "ImageId": account.image(), "InstanceType": "t3.large", "MinCount": 1, "MaxCount": 1,
    }  # fmt: skip

    broken = break_(account, "capacity-away", seconds=4)
    refused = refusal(ec2.run_instances, **launch)
    [made] = (
        eventually(
            lambda: refusal(ec2.run_instances, **launch, DryRun=True),
            lambda code: code != "InsufficientInstanceCapacity",
            30,
        )
        and ec2.run_instances(**launch)["Instances"]
    )

    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    assert broken == ""
    assert refused == "InsufficientInstanceCapacity"


def test_events_are_lost_for_their_time(
    account: Any, events: Callable[[], list[dict[str, Any]]], followed: Hosted
) -> None:
    followed.serves()
    events()

    break_(account, "event-lost", seconds=3)
    until = time.monotonic() + 3
    break_(account, "spot")
    lost = events()
    time.sleep(max(0.0, until - time.monotonic()))
    break_(account, "rebalance")
    got = eventually(events, bool, 30)

    assert lost == []
    assert [each["detail-type"] for each in got] == ["EC2 Instance Rebalance Recommendation"]


def test_a_cut_network_leaves_the_host_well(account: Any, followed: Hosted) -> None:
    followed.serves()

    break_(account, "network-cut")
    eventually(followed.models, lambda answer: answer is None, 60)
    programs = {log for _, log in processes_of(followed)}
    account.client("ec2").associate_address(
        InstanceId=followed.instance, AllocationId=followed.allocation
    )

    followed.serves()
    assert {"agent.log", "gateway.log", "vllm.log"} <= programs


def test_a_clock_that_jumps_is_in_the_hosts_reports(account: Any, followed: Hosted) -> None:
    for reports in listening(account, "twin-scratch", {"detail-type": ["Host Report"]}):
        says(followed, "to=serving")
        break_(account, "clock-jump")
        break_(account, "agent-kill")
        ran(account, followed, "RestartAgent")  # its first report is sent at once
        hour = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() + 3600))

        ahead = eventually(
            lambda: [e for e in reports() if e["detail"]["sent_at"].startswith(hour)],  # noqa: B023
            bool,
            60,
        )

        assert ahead[0]["detail"]["instance_id"] == followed.instance
