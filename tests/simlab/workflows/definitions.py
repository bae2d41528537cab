"""The part of Amazon States Language that our definitions use; anything else is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simlab.workflows.expressions import is_expression, parsed
from simlab.workflows.failure import Unsupported

Definition = Mapping[str, Any]

_MACHINE = {"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds"}
_BRANCH = {"Comment", "StartAt", "States"}
_EVERY = {"Type", "Comment"}
_ONWARD = {"Next", "End", "Output", "Assign"}
_GUARDED = {"Arguments", "Retry", "Catch"}
_STATES = {
    "Pass": _ONWARD,
    "Task": _ONWARD | _GUARDED | {"Resource", "TimeoutSeconds", "HeartbeatSeconds"},
    "Choice": {"Choices", "Default", "Output", "Assign"},
    "Wait": _ONWARD | {"Seconds"},
    "Parallel": _ONWARD | _GUARDED | {"Branches"},
    "Succeed": {"Output"},
    "Fail": {"Error", "Cause"},
}
_CHOICE = {"Condition", "Next", "Output", "Assign", "Comment"}
_RETRIER = {
    "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds",
    "JitterStrategy", "Comment",
}  # fmt: skip
_CATCHER = {"ErrorEquals", "Next", "Output", "Assign", "Comment"}
_INTEGRATIONS = {
    "lambda:invoke", "lambda:invoke.waitForTaskToken", "states:startExecution.sync:2",
}  # fmt: skip


def check(definition: Definition) -> Definition:
    """Return the definition; raise Unsupported naming what the interpreter does not know."""
    _known(definition, _MACHINE, "the definition")
    if definition.get("QueryLanguage") != "JSONata":
        raise Unsupported("QueryLanguage: only JSONata is known")
    _check_states(definition)
    for text in _expressions(definition):
        parsed(text)
    return definition


def integration(resource: str) -> str:
    """`lambda:invoke` of `arn:aws:states:::lambda:invoke`."""
    return resource.partition(":::")[2]


def _check_states(machine: Definition) -> None:
    states = machine["States"]
    for name in [machine["StartAt"], *_targets(states)]:
        if name not in states:
            raise Unsupported(f"{name}: no state of this level has that name")
    for name, state in states.items():
        _check_state(name, state)


def _check_state(name: str, state: Definition) -> None:
    if state.get("Type") not in _STATES:
        raise Unsupported(f"{name}: Type {state.get('Type')!r} is not known")
    _known(state, _EVERY | _STATES[state["Type"]], name)
    if "Next" in _STATES[state["Type"]] and ("Next" in state) == (state.get("End") is True):
        raise Unsupported(f"{name}: either Next or End: true")
    for key, fields in (("Choices", _CHOICE), ("Retry", _RETRIER), ("Catch", _CATCHER)):
        for rule in state.get(key, []):
            _known(rule, fields, f"{name}.{key}")
            if rule.get("JitterStrategy", "FULL") not in {"FULL", "NONE"}:
                raise Unsupported(f"{name}: JitterStrategy {rule['JitterStrategy']!r}")
    if state["Type"] == "Task" and integration(state["Resource"]) not in _INTEGRATIONS:
        raise Unsupported(f"{name}: Resource {state['Resource']!r} is not known")
    if state["Type"] == "Parallel":
        _check_branches(name, state["Branches"])


def _check_branches(name: str, branches: list[Definition]) -> None:
    if len(branches) != 1:
        raise Unsupported(f"{name}: one branch, the try block, is known; not {len(branches)}")
    _known(branches[0], _BRANCH, name)
    _check_states(branches[0])


def _targets(states: Definition) -> Iterator[str]:
    for state in states.values():
        for rule in (state, *state.get("Choices", []), *state.get("Catch", [])):
            yield from (rule[key] for key in ("Next", "Default") if key in rule)


def _known(node: Definition, fields: set[str], where: str) -> None:
    unknown = sorted(set(node) - fields)
    if unknown:
        raise Unsupported(f"{where}: {', '.join(unknown)} not known to this interpreter")


def _expressions(node: Any) -> Iterator[str]:
    if is_expression(node):
        yield node[2:-2].strip()
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _expressions(each)
