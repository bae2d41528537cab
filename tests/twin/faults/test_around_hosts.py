"""`lamplighter local break` around a host: EC2, alarms, capacity, events, the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from contracts.documents import document
from hostlab.breaking import break_, refusal
from hostlab.hosting import Hosted, processes_of, shape
from patience import eventually

pytestmark = pytest.mark.twin
GOLDEN = document("aws_events")["events"]


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
