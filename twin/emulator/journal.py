"""The call journal: one JSON line for each AWS API call that the emulator answered over HTTP.

    {"at": epoch seconds, "service": "ec2", "operation": "CreateVpc", "status": 200,
     "worker": pid | null}

Calls that Step Functions makes inside the emulator (aws-sdk integrations) are not in it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from twin.emulator.calls import Call


class Journal:
    """Appends to `path`; with no path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1) if path else None

    def write(self, call: Call, status: int, worker: int | None) -> None:
        if self._file is None:
            return
        line = {
            "at": round(time.time(), 3), "service": call.service, "operation": call.operation,
            "status": status, "worker": worker,
        }  # fmt: skip
        self._file.write(json.dumps(line) + "\n")
