"""What AWS's events say about instances: one trigger for each that may need a repair.

The shapes are AWS's own (tests/contracts/aws_events.json names the page of each).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.aws import naming
from orchestrator.errors import InvalidRequest
from orchestrator.launch import instances
from orchestrator.repair.triggers import ALARM, EC2, HEALTH, Trigger

Detail = Mapping[str, Any]

# Scheduled changes after which the instance is gone, or off for a while: its successor comes first.
_ENDING_CHANGES = {
    "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED",
    "AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED",
    "AWS_EC2_INSTANCE_STOP_SCHEDULED",
    "AWS_EC2_INSTANCE_TERMINATION_SCHEDULED",
    "AWS_EC2_INSTANCE_REBOOT_MAINTENANCE_SCHEDULED",
    "AWS_EC2_INSTANCE_REBOOT_FLEXIBLE_MAINTENANCE_SCHEDULED",
    "AWS_EC2_SYSTEM_REBOOT_MAINTENANCE_SCHEDULED",
    "AWS_EC2_INSTANCE_POWER_MAINTENANCE_SCHEDULED",
    "AWS_EC2_PERSISTENT_INSTANCE_POWER_MAINTENANCE_SCHEDULED",
    "AWS_EC2_INSTANCE_RETIREMENT_EXPEDITED",
    "AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_EXPEDITED",
}
_REPAIRED_BY = {*naming.CHECK_ALARMS, "heartbeat", "serving"}  # alarms; the others are for people


def triggers_of(event: Any, installation: str) -> list[Trigger]:
    """Return the triggers in an event, at least one; InvalidRequest says why there is none."""
    if not isinstance(event, dict) or not isinstance(event.get("detail"), dict):
        raise InvalidRequest("detail: missing; not an event of EC2, Health or CloudWatch")
    kind = event.get("detail-type")
    read = _READERS.get(str(kind))
    if read is None:
        raise InvalidRequest(f"detail-type: {kind!r} needs no repair")
    at = event.get("time")
    return read(str(kind), event["detail"], at if isinstance(at, str) else "", installation)


def _state_change(kind: str, detail: Detail, at: str, _: str) -> list[Trigger]:
    if detail.get("state") not in instances.LOST:
        raise InvalidRequest(f"{kind}: state {detail.get('state')!r} needs no repair")
    state = detail["state"]
    return [Trigger(f"{kind}: {state}", _instance(detail), EC2, at, state=state)]


def _warning(kind: str, detail: Detail, at: str, _: str) -> list[Trigger]:
    action = detail.get("instance-action")
    text = f"{kind}: {action}" if isinstance(action, str) else kind
    return [Trigger(text, _instance(detail), EC2, at, ending=True)]


def _scheduled_change(kind: str, detail: Detail, at: str, _: str) -> list[Trigger]:
    code, status = detail.get("eventTypeCode"), detail.get("statusCode", "upcoming")
    if code not in _ENDING_CHANGES or status == "closed":
        raise InvalidRequest(f"{kind}: {code!r}, {status!r}, needs no repair")
    named = _entities(detail.get("affectedEntities"))
    if not named:
        raise InvalidRequest(f"{kind}: {code} names no instance (affectedEntities)")
    return [Trigger(f"{kind}: {code}", each, HEALTH, at, ending=True) for each in named]


def _entities(listed: Any) -> list[str]:
    found: Iterable[Any] = listed if isinstance(listed, list) else ()
    values = (str(each.get("entityValue")) for each in found if isinstance(each, dict))
    ids = (each.rpartition("/")[2] for each in values)  # an ARN, or the id itself
    return [each for each in ids if each.startswith("i-")]


def _alarm(kind: str, detail: Detail, at: str, installation: str) -> list[Trigger]:
    """The alarm of a check is about one instance, which its metric's dimension names."""
    name, state = str(detail.get("alarmName")), detail.get("state")
    known = naming.of_alarm(installation, name)
    value = state.get("value") if isinstance(state, dict) else None
    if known is None or known[1] not in _REPAIRED_BY or value != "ALARM":
        raise InvalidRequest(f"{kind}: {name!r} in state {value!r} needs no repair")
    deployment, what = known
    instance = _watched(detail) if what in naming.CHECK_ALARMS else ""
    return [Trigger(f"{kind}: {what}", instance, ALARM, at, deployment)]


def _watched(detail: Detail) -> str:
    try:
        [metric, *_] = detail["configuration"]["metrics"]
        return str(metric["metricStat"]["metric"]["dimensions"]["InstanceId"])
    except (KeyError, TypeError, ValueError):
        raise InvalidRequest(f"{detail.get('alarmName')}: its metric names no instance") from None


def _instance(detail: Detail) -> str:
    found = detail.get("instance-id")
    if not isinstance(found, str) or not found:
        raise InvalidRequest("detail.instance-id: missing; not an event about an instance")
    return found


_READERS: dict[str, Callable[[str, Detail, str, str], list[Trigger]]] = {
    "EC2 Instance State-change Notification": _state_change,
    "EC2 Spot Instance Interruption Warning": _warning,
    "EC2 Instance Rebalance Recommendation": _warning,
    "EC2 Capacity Reservation Instance Interruption Warning": _warning,
    "AWS Health Event": _scheduled_change,
    "CloudWatch Alarm State Change": _alarm,
}
