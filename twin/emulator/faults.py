"""Faults on demand: a JSON file, read again for every call; one entry is used up by each match.

    {"ec2.CreateVpc": [{"when": "after", "do": "kill"}],
     "ec2.RunInstances": [{"when": "before", "do": "error", "status": 500,
                           "code": "InsufficientInstanceCapacity", "message": "..."}]}

An entry with `until` (seconds since the epoch) strikes every such call up to that time.
Events that AWS sends are the call `events.Deliver`: `"do": "lose"` loses one.

before: the call has no effect. after: the effect happened, the caller does not learn of it.
error: the caller gets this AWS error. kill: the calling Lambda worker dies, and every running
execution is stopped (ABORTED), so that a test can start the workflow again.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from twin.emulator.calls import Call


@dataclass(frozen=True, slots=True)
class Fault:
    """status: of the HTTP answer, for do = error."""

    when: Literal["before", "after"]
    do: Literal["error", "kill", "lose"]
    code: str = "InternalError"
    message: str = "a planned fault"
    status: int = 400
    until: float | None = None


DELIVER = Call("events", "Deliver", "")


def take(path: Path | None, call: Call) -> Fault | None:
    """The next fault planned for this call, removed from the file unless it lasts."""
    if path is None or not path.exists():
        return None
    planned: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8") or "{}")
    entries = planned.get(str(call), [])
    while entries:
        fault = Fault(**entries[0])
        if fault.until is None:
            entries.pop(0)
            _write(path, planned)
            return fault
        if fault.until > time.time():
            return fault
        entries.pop(0)
        _write(path, planned)
    return None


def plan(path: Path, call: str, fault: dict[str, Any]) -> None:
    """Add one; call: as in `ec2.RunInstances`."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    planned = json.loads(text or "{}")
    planned.setdefault(call, []).append(fault)
    _write(path, planned)


def _write(path: Path, planned: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(planned), encoding="utf-8")
    new.replace(path)
