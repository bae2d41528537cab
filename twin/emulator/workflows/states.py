# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""States as on AWS: JSONata outputs of Succeed and Parallel, scopes of variables, the history of
tasks in branches, limits of time as expressions, failures of child executions.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import Any

from ministack.services import stepfunctions
from twin.emulator.pinned import require

_FIX = "states"
_in_branch: ContextVar[bool] = ContextVar("in a branch", default=False)


def install() -> None:
    for name in ("_run_parallel_branches", "_run_sub_machine", "_apply_output_path",
                 "_invoke_nested_start_execution_sync", "_apply_jsonata_template"):  # fmt: skip
        require(holds=callable(getattr(stepfunctions, name)), fix=_FIX)
    stepfunctions._apply_output_path = _succeed(stepfunctions._apply_output_path)
    stepfunctions._run_parallel_branches = _parallel(stepfunctions._run_parallel_branches)
    stepfunctions._run_sub_machine = _scoped(stepfunctions._run_sub_machine)
    stepfunctions._execute_task = _recorded(stepfunctions._execute_task)
    nested = stepfunctions._invoke_nested_start_execution_sync
    stepfunctions._invoke_nested_start_execution_sync = _child(nested)


def _is_jsonata(state: dict[str, Any], context: Any) -> bool:
    return bool(stepfunctions._state_query_language(state, context) == "JSONata")


def _succeed(original: Any) -> Any:
    """`Output` of a Succeed state, which ministack ignores."""

    def call(state: dict[str, Any], data: Any, context: Any = None) -> Any:
        if state.get("Type") == "Succeed" and _is_jsonata(state, context):
            return stepfunctions._apply_jsonata_output(state, data, context, default=data)
        return original(state, data, context)

    return call


def _parallel(original: Any) -> Any:
    """`Arguments`, `Output` and `Assign` of a Parallel state, which ministack ignores."""

    def call(state: dict[str, Any], data: Any, execution: Any, context: Any) -> Any:
        if not _is_jsonata(state, context):
            return original(state, data, execution, context)
        entered = stepfunctions._apply_jsonata_arguments(state, data, context)
        bare = {"Branches": state["Branches"], "QueryLanguage": "JSONPath", "End": True}
        results, _ = original(bare, entered, execution, context)
        output = stepfunctions._apply_jsonata_output(
            state, data, context, result=results, default=results
        )
        stepfunctions._apply_state_assign(state, data, context, result=results)
        return output, stepfunctions._next_or_end(state)

    return call


def _scoped(original: Any) -> Any:
    """A branch reads the variables of its outer scope; what it assigns ends with it."""

    def call(states: Any, start: str, data: Any, execution: Any, context: dict[str, Any]) -> Any:
        inner = {**context, "variables": dict(context.get("variables", {}))}
        entered = _in_branch.set(True)
        try:
            return original(states, start, data, execution, inner)
        finally:
            _in_branch.reset(entered)

    return call


def _recorded(original: Any) -> Any:
    """TaskStateEntered and TaskStateExited in a branch, which ministack's history lacks."""

    def call(state: dict[str, Any], data: Any, execution: Any, context: dict[str, Any]) -> Any:
        state = state | _limits(state, data, context)
        if not _in_branch.get():
            return original(state, data, execution, context)
        name = context["State"]["Name"]
        details = {"name": name, "input": json.dumps(data)}
        stepfunctions._add_event(
            execution, "TaskStateEntered", {"stateEnteredEventDetails": details}
        )
        output, following = original(state, data, execution, context)
        details = {"name": name, "output": json.dumps(output)}
        stepfunctions._add_event(execution, "TaskStateExited", {"stateExitedEventDetails": details})
        return output, following

    return call


def _limits(state: dict[str, Any], data: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Return the state's limits of time that are expressions, which ministack takes for numbers."""
    return {
        name: stepfunctions._apply_jsonata_template(state[name], data, context)
        for name in ("TimeoutSeconds", "HeartbeatSeconds")
        if isinstance(state.get(name), str)
    }


def _child(original: Any) -> Any:
    """A child execution that failed is States.TaskFailed for its parent."""

    def call(resource: str, request: Any) -> Any:
        try:
            return original(resource, request)
        except stepfunctions._ExecutionError as failure:
            cause = json.dumps({"Error": failure.error, "Cause": failure.cause})
            raise stepfunctions._ExecutionError("States.TaskFailed", cause) from failure

    return call
