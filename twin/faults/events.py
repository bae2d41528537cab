"""What AWS announces of an instance, in the shapes that it documents."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from twin.emulator.strict_process import ACCOUNT
from twin.faults.target import Target

_RETIREMENT = "AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED"
_NOTICE_SECONDS = 14 * 86_400.0
_AT_A_TIME = 10  # entries of one PutEvents
_COPIES = 1000


def spot(target: Target) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""
    detail = {"instance-id": target.instance, "instance-action": "terminate"}
    _put(target, [_entry(target, "aws.ec2", "EC2 Spot Instance Interruption Warning", detail)])


def rebalance(target: Target) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html"""
    detail = {"instance-id": target.instance}
    _put(target, [_entry(target, "aws.ec2", "EC2 Instance Rebalance Recommendation", detail)])


def retire(target: Target) -> None:
    """https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html"""
    now, name = time.time(), uuid.uuid4().hex
    arn = f"arn:aws:health:{target.twin.region}::event/EC2/{_RETIREMENT}/{_RETIREMENT}_{name}"
    entity = {
        "entityValue": target.instance, "lastUpdatedTime": _date(now), "status": "PENDING",
    }  # fmt: skip
    detail = {
        "eventArn": arn, "service": "EC2", "eventTypeCode": _RETIREMENT,
        "eventTypeCategory": "scheduledChange", "eventScopeCode": "ACCOUNT_SPECIFIC",
        "communicationId": f"{name}-1", "startTime": _date(now + _NOTICE_SECONDS),
        "lastUpdatedTime": _date(now), "statusCode": "upcoming",
        "eventRegion": target.twin.region,
        "eventDescription": [{
            "language": "en_US",
            "latestDescription": "The hardware of this instance is degraded: stop and start it.",
        }],
        "affectedEntities": [entity], "affectedAccount": ACCOUNT,
        "page": "1", "totalPages": "1", "backupEvent": "false", "personas": ["OPERATIONS"],
    }  # fmt: skip
    _put(target, [_entry(target, "aws.health", "AWS Health Event", detail)])


def storm(target: Target) -> None:
    """The instance is terminated, and its event comes a thousand times."""
    target.clients("ec2").terminate_instances(InstanceIds=[target.instance])
    detail = {"instance-id": target.instance, "state": "shutting-down"}
    entry = _entry(target, "aws.ec2", "EC2 Instance State-change Notification", detail)
    for _ in range(_COPIES // _AT_A_TIME):
        _put(target, [entry] * _AT_A_TIME)


def _put(target: Target, entries: list[dict[str, Any]]) -> None:
    target.clients("events").put_events(Entries=entries)


def _entry(target: Target, source: str, kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    arn = f"arn:aws:ec2:{target.twin.region}:{ACCOUNT}:instance/{target.instance}"
    resource = target.instance if source == "aws.health" else arn
    return {
        "Source": source, "DetailType": kind, "Detail": json.dumps(detail), "Resources": [resource],
    }  # fmt: skip


def _date(seconds: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))
