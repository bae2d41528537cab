"""Faults on demand: a JSON file, read again for every call; one entry is used up by each match.

    {"ec2.CreateVpc": [{"when": "after", "do": "kill"}],
     "ec2.RunInstances": [{"when": "before", "do": "error", "status": 500,
                           "code": "InsufficientInstanceCapacity", "message": "..."}]}

before: the call has no effect. after: the effect happened, the caller does not learn of it.
error: the caller gets this AWS error. kill: the calling Lambda worker dies, and every running
execution is stopped (ABORTED), so that a test can start the workflow again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from twin.emulator.calls import Call


@dataclass(frozen=True, slots=True)
class Fault:
    """status: of the HTTP answer, for do = error."""

    when: Literal["before", "after"]
    do: Literal["error", "kill"]
    code: str = "InternalError"
    message: str = "a planned fault"
    status: int = 400


def take(path: Path | None, call: Call) -> Fault | None:
    """The next fault planned for this call, removed from the file."""
    if path is None or not path.exists():
        return None
    planned: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8") or "{}")
    entries = planned.get(str(call))
    if not entries:
        return None
    fault = Fault(**entries.pop(0))
    _write(path, planned)
    return fault


def _write(path: Path, planned: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(planned), encoding="utf-8")
    new.replace(path)
