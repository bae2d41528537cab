# ruff: noqa: SLF001 - ministack's private names are what this fix uses
"""EC2 tells EventBridge about every state that an instance enters."""

from __future__ import annotations

import json

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge


def announce(instance: str, state: str) -> None:
    event = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Instance State-change Notification",
        "Detail": json.dumps({"instance-id": instance, "state": state}),
        "Resources": [f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{instance}"],
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)
