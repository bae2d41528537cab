# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""EC2 tells EventBridge about every state of an instance, in the order AWS does."""

from __future__ import annotations

import json
from collections.abc import Callable

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, eventbridge

from twin.emulator.ec2_api import Answer, Handler, Parameters, around

_STATES = {
    "RunInstances": ("pending", "running"),
    "StartInstances": ("pending", "running"),
    "StopInstances": ("stopping", "stopped"),
    "TerminateInstances": ("shutting-down", "terminated"),
}


def install() -> None:
    """Emit after the change; an instance that already was in the final state says nothing."""
    for action, states in _STATES.items():
        around(action, _announcing(states))


def _announcing(states: tuple[str, str]) -> Callable[[Handler, Parameters], Answer]:
    def call(original: Handler, parameters: Parameters) -> Answer:
        before = _states()
        result = original(parameters)
        for instance, state in _states().items():
            if state != before.get(instance):
                for each in states:
                    _announce(instance, each)
        return result

    return call


def _states() -> dict[str, str]:
    return {name: each["State"]["Name"] for name, each in list(ec2._instances.items())}


def _announce(instance: str, state: str) -> None:
    event = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Instance State-change Notification",
        "Detail": json.dumps({"instance-id": instance, "state": state}),
        "Resources": [f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{instance}"],
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)
