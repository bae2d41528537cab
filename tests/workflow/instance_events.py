"""EC2's events about an instance: each has an answer in the log, and only then is it dealt with.

Without that evidence, a test of "nothing happens" would only see that nothing has happened yet.
"""

from __future__ import annotations

import json
from typing import Any

from patience import eventually
from twinlab import Installation

# The states that EC2 tells when an instance is terminated, and that the rule lets through.
TERMINATION = 2


def settled(aws: Installation, instance: str, events: int) -> list[dict[str, Any]]:
    """Wait until so many events are answered and what they started has ended; the answers."""
    answered: list[dict[str, Any]] = eventually(
        lambda: answers(aws, instance), lambda found: len(found) >= events, 60
    )
    aws.quiet()
    return answered


def answers(aws: Installation, instance: str) -> list[dict[str, Any]]:
    """What the function has answered so far: {"started": ...} or {"ignored": why}."""
    pages = (
        aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/lamplighter/{aws.twin.stack}/steps", filterPattern=f'"{instance}"'
        )
    )
    messages = [event["message"] for page in pages for event in page["events"]]
    # A Pending that a step raised is there too, in Python's own words.
    lines = [json.loads(message) for message in messages if message.startswith("{")]
    return [line["answer"] for line in lines if _is_answer(line, instance)]


def _is_answer(line: dict[str, Any], instance: str) -> bool:
    told = line.get("instance_id") == instance and "answer" in line
    return told and "-InstanceEvent" in line["function_name"]
