# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""Events of AWS: accepted from a client, for the twin's faults, and lost where a fault says so.

AWS refuses PutEvents with an `aws.*` source; here it is accepted with LOCAL_ALLOW_AWS_EVENTS=1
only, so that our code cannot come to rely on it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from ministack.services import eventbridge
from twin.emulator import faults
from twin.emulator.pinned import require

log = logging.getLogger("lamplighter.emulator")


def install(planned: Path | None) -> None:
    """planned: the file of the faults."""
    require(holds=callable(eventbridge._put_events), fix="aws.* events")
    original = eventbridge._put_events
    allowed = os.environ.get("LOCAL_ALLOW_AWS_EVENTS") == "1"

    def put(data: dict[str, Any], allow_aws_source: bool = False) -> Any:  # noqa: FBT001, FBT002 - its signature
        kept = [each for each in data.get("Entries", []) if not _is_lost(each, planned)]
        return original(data | {"Entries": kept}, allow_aws_source=allow_aws_source or allowed)

    eventbridge._put_events = put


def _is_lost(entry: dict[str, Any], planned: Path | None) -> bool:
    """Only what AWS sends may be lost."""
    if not str(entry.get("Source", "")).startswith("aws."):
        return False
    lost = faults.take(planned, faults.DELIVER) is not None
    if lost:
        log.warning("event lost kind=%s detail=%s", entry["DetailType"], entry["Detail"])
    return lost
