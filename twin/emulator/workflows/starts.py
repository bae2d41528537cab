# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""StartExecution: idempotent by name and input while running, without ministack's 0.15 s pause."""

from __future__ import annotations

import inspect
import json
import time
from types import SimpleNamespace
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import stepfunctions
from twin.emulator.pinned import require

_PAUSE_SECONDS = 0.15


def install() -> None:
    source = inspect.getsource(stepfunctions._run_execution)
    require(holds=source.count(f"time.sleep({_PAUSE_SECONDS})") == 1, fix="start pause")
    stepfunctions.time = SimpleNamespace(
        **{name: each for name, each in vars(time).items() if not name.startswith("__")}
        | {"sleep": _sleep}
    )
    original = stepfunctions._start_execution
    stepfunctions._start_execution = lambda request: _same(request) or original(request)
    require(
        holds=stepfunctions.handle_request.__globals__ is vars(stepfunctions), fix="StartExecution"
    )


def _sleep(seconds: float) -> None:
    if seconds != _PAUSE_SECONDS:
        time.sleep(seconds)


def _same(request: dict[str, Any]) -> Any:
    """The running execution of that name and input, as AWS answers the second call; else None."""
    machine = stepfunctions._state_machines.get(request.get("stateMachineArn"))
    if machine is None or not request.get("name"):
        return None
    arn = (
        f"arn:aws:states:{get_region()}:{get_account_id()}"
        f":execution:{machine['name']}:{request['name']}"
    )
    running = stepfunctions._executions.get(arn)
    if running is None or running["status"] != "RUNNING":
        return None
    if json.loads(running["input"]) != json.loads(request.get("input", "{}")):
        return None
    return json_response({"executionArn": arn, "startDate": running["startDate"]})
