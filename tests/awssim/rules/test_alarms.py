"""CloudWatch's alarms are as strict as AWS's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

ALARM: dict[str, Any] = {
    "AlarmName": "a",
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
OURS = [{"Key": "owner", "Value": "us"}]


@pytest.fixture
def cloudwatch(account: Account) -> Any:
    return account.client("cloudwatch")


def tags(cloudwatch: Any) -> Any:
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"]
    return cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"AlarmName": "a" * 256}, "255 characters"),
        ({"Period": 45}, "multiple of 60"),
        ({"Period": 60, "EvaluationPeriods": 1441}, "further than 86400"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "further than 604800"),
        ({"DatapointsToAlarm": 3}, "DatapointsToAlarm"),
        ({"Dimensions": [{"Name": f"d{i}", "Value": "x"} for i in range(31)]}, "30 dimensions"),
    ],
)
def test_what_cloudwatch_refuses_is_refused(
    cloudwatch: Any, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ClientError, match=problem):
        cloudwatch.put_metric_alarm(**ALARM | change)

    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_tags_count_only_when_the_alarm_is_made(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**ALARM, Tags=OURS)
    cloudwatch.put_metric_alarm(**ALARM, Tags=[{"Key": "owner", "Value": "them"}])

    assert tags(cloudwatch) == OURS


def test_an_alarm_keeps_its_state_when_it_is_set_anew(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**ALARM)
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="test")

    cloudwatch.put_metric_alarm(**ALARM | {"Threshold": 2.0})

    [alarm] = cloudwatch.describe_alarms()["MetricAlarms"]
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 2.0)


def test_tags_go_with_their_alarm(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**ALARM, Tags=OURS)
    cloudwatch.delete_alarms(AlarmNames=["a"])
    cloudwatch.put_metric_alarm(**ALARM)

    assert tags(cloudwatch) == []


def test_where_one_alarm_is_missing_none_is_deleted(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**ALARM)

    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloudwatch.delete_alarms(AlarmNames=["a", "b"])

    assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == 1


def test_what_is_not_there_has_no_tags_to_list(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cloudwatch.list_tags_for_resource(
            ResourceARN="arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"
        )


def test_alarms_are_in_the_inventory(account: Account, cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**ALARM)

    assert account.inventory()["alarms"] == ["a"]
