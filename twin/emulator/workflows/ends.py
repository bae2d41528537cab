# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""An execution that was stopped, or ran into the machine's TimeoutSeconds, does nothing more.

ministack goes on inside a Parallel branch after StopExecution, lets a later failure overwrite the
status ABORTED, and knows no TimeoutSeconds of a machine.
"""

from __future__ import annotations

import contextvars
import json
import threading
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions
from twin.emulator.pinned import require

# An error name that no Retry and no Catch sees: States.ALL does not match it.
ENDED = "Lamplighter.ExecutionEnded"
_current: ContextVar[dict[str, Any] | None] = ContextVar("execution", default=None)


def install() -> None:
    require(holds=hasattr(stepfunctions, "_ExecutionError"), fix="execution end")
    for name in ("_invoke_resource", "_scaled_sleep"):
        setattr(stepfunctions, name, _only_while_running(getattr(stepfunctions, name)))
    stepfunctions._find_matching_retrier = _blind(stepfunctions._find_matching_retrier, (None, -1))
    stepfunctions._find_matching_catcher = _blind(stepfunctions._find_matching_catcher, None)
    stepfunctions._fail_execution = _unless_ended(stepfunctions._fail_execution)
    stepfunctions._describe_execution = _without_output(stepfunctions._describe_execution)
    stepfunctions._run_execution = _timed(stepfunctions._run_execution)


def ended() -> bool:
    """Whether the execution that this thread works for is over."""
    execution = _current.get()
    return execution is not None and execution["status"] != "RUNNING"


def stop_all(cause: str) -> None:
    """StopExecution for every running execution of the account."""
    for arn, execution in list(stepfunctions._executions.items()):
        if execution["status"] == "RUNNING":
            stepfunctions._stop_execution({"executionArn": arn, "cause": cause})


def _only_while_running(original: Any) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        _refuse_when_ended()
        result = original(*arguments, **named)
        _refuse_when_ended()
        return result

    return call


def _refuse_when_ended() -> None:
    if ended():
        raise stepfunctions._ExecutionError(ENDED, "the execution is over")


def _blind(original: Any, nothing: Any) -> Any:
    def find(rules: list[Any], error: str, *rest: Any) -> Any:
        return nothing if error == ENDED else original(rules, error, *rest)

    return find


def _unless_ended(original: Any) -> Any:
    def fail(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            original(execution, error, cause)

    return fail


def _without_output(original: Any) -> Any:
    """Only an execution that succeeded has an output; ministack puts the error there."""

    def describe(request: dict[str, Any]) -> Any:
        status, headers, body = original(request)
        document = json.loads(body)
        if document.get("status") != "SUCCEEDED":
            document.pop("output", None)
            document.pop("outputDetails", None)
        return status, headers, json.dumps(document).encode()

    return describe


def _timed(original: Any) -> Any:
    def run(arn: str) -> None:
        execution = stepfunctions._executions[arn]
        outer = _current.set(execution)
        timer = _timer(execution)
        try:
            original(arn)
        finally:
            timer.cancel()
            _current.reset(outer)

    return run


def _timer(execution: dict[str, Any]) -> threading.Timer:
    """Fires after the machine's TimeoutSeconds (AWS's own limit, a year, when there is none)."""
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"], {})
    seconds = json.loads(machine.get("definition", "{}")).get("TimeoutSeconds")
    context = contextvars.copy_context()
    timer = threading.Timer(seconds or 0, context.run, [_time_out, execution])
    timer.daemon = True
    if seconds:
        timer.start()
    return timer


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", error="States.Timeout", stopDate=now_iso())
    details = {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
    stepfunctions._add_event(execution, "ExecutionTimedOut", details)
    stepfunctions._emit_execution_status_event(execution)
