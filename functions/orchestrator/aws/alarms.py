"""What a deployment's CloudWatch alarms watch: the instance that serves, and what its hosts send.

The status checks: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html
The hosts' metrics name the deployment, not the host: while two of them run, any one that serves
keeps `serving` quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.aws import naming
from orchestrator.spec.deployment import Deployment

_EC2 = "AWS/EC2"
_MINUTE = 60  # seconds
_AT_LEAST, _ABOVE, _BELOW = (
    f"{each}Threshold" for each in ("GreaterThanOrEqualTo", "GreaterThan", "LessThan")
)
_NOT, _BREACHING, _KEEP = "notBreaching", "breaching", "ignore"


@dataclass(frozen=True, slots=True)
class Rule:
    """One alarm: every minute of `minutes` in a row, the metric is on the wrong side.

    missing: what a minute without data counts as. notifies: no repair cures it, so the
    installation's topic hears of it.
    """

    what: str
    about: str
    metric: str
    statistic: str
    comparison: str
    threshold: float
    minutes: int
    missing: str = _KEEP
    notifies: bool = False

    @property
    def is_of_instance(self) -> bool:
        return self.what in naming.CHECK_ALARMS


def _check(what: str, of: str, about: str) -> Rule:
    metric = f"StatusCheckFailed_{of}"
    return Rule(what, about, metric, "Maximum", _AT_LEAST, 1.0, minutes=2, missing=_NOT)


_RULES = (
    _check("system-check", "System", "AWS's machine under the instance fails its check"),
    _check("instance-check", "Instance", "the instance does not answer its check"),
    _check("attached-disk-check", "AttachedEBS", "the instance cannot reach a disk"),
    Rule(
        "heartbeat",
        "no host sends its heartbeat",
        metric="Heartbeat",
        statistic="Sum",
        comparison=_BELOW,
        threshold=1.0,
        minutes=3,
        missing=_BREACHING,
    ),
    Rule("serving", "no host serves", "Serving", "Maximum", _BELOW, 1.0, minutes=5),
    Rule(
        "certificate",
        "the certificate ends in less than 14 days and was not renewed",
        metric="CertificateDaysLeft",
        statistic="Minimum",
        comparison=_BELOW,
        threshold=14.0,
        minutes=15,
        notifies=True,
    ),
    Rule(
        "disk",
        "less than a tenth of a disk is free",
        metric="DiskUsed",
        statistic="Maximum",
        comparison=_ABOVE,
        threshold=90.0,
        minutes=5,
        notifies=True,
    ),
    Rule("gpu", "a GPU is missing", "GpusMissing", "Maximum", _AT_LEAST, 1.0, minutes=2),
)


def rules(deployment: Deployment) -> tuple[Rule, ...]:
    """Return those that the deployment gets: without a GPU, no alarm on one."""
    return tuple(rule for rule in _RULES if rule.what != "gpu" or deployment.instance.gpu)


def document(
    rule: Rule, installation: str, name: str, instance_id: str, topic: str | None
) -> dict[str, Any]:
    """Return what PutMetricAlarm gets, and DescribeAlarms shows, without the tags."""
    of_deployment = {"Name": "Deployment", "Value": name}
    of_instance = {"Name": "InstanceId", "Value": instance_id}
    return {
        "AlarmName": naming.alarm(installation, name, rule.what),
        "AlarmDescription": f"Lamplighter deployment {name}: {rule.about}",
        "ActionsEnabled": True,
        "AlarmActions": [topic] if topic and rule.notifies else [],
        "OKActions": [],
        "InsufficientDataActions": [],
        "Namespace": _EC2 if rule.is_of_instance else naming.metrics_namespace(name),
        "MetricName": rule.metric,
        "Dimensions": [of_instance if rule.is_of_instance else of_deployment],
        "Statistic": rule.statistic,
        "Period": _MINUTE,
        "EvaluationPeriods": rule.minutes,
        "DatapointsToAlarm": rule.minutes,
        "Threshold": rule.threshold,
        "ComparisonOperator": rule.comparison,
        "TreatMissingData": rule.missing,
    }
