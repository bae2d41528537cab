# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""PutEvents with an `aws.*` source: AWS refuses it, the twin's spot warning needs it.

Accepted only with LOCAL_ALLOW_AWS_EVENTS=1, so that our code cannot come to rely on it.
"""

from __future__ import annotations

import os
from typing import Any

from ministack.services import eventbridge
from twin.emulator.pinned import require


def install() -> None:
    require(holds=callable(eventbridge._put_events), fix="aws.* events")
    if os.environ.get("LOCAL_ALLOW_AWS_EVENTS") != "1":
        return
    original = eventbridge._put_events

    def put(data: Any, allow_aws_source: bool = True) -> Any:  # noqa: ARG001, FBT001, FBT002 - its signature
        return original(data, allow_aws_source=True)

    eventbridge._put_events = put
