"""Judges: asl-validator (Apache-2.0) and JSONata's own implementation (MIT), both from npm.

A workflow is taken as Step Functions gets it: values substituted first, YAML parsed second.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from judges.expansion import expanded, resolved
from template_files import WORKFLOWS, text

pytestmark = pytest.mark.judge

NODE = Path(__file__).parent / "node"
EXPRESSION = re.compile(r"^\{%\s*(.*?)\s*%\}$", re.DOTALL)
ID = "arn:aws:states:eu-central-1:123456789012:execution:lamplighter-provision:demo"
INCIDENT = {"todo": "replace", "why": "the instance ended", "generation": 1}
# What the workflows assign to variables: `$name` and so on.
VARIABLES = {
    "name": "demo", "execution": ID, "opened_at": "2026-11-27T19:00:00Z", "failed": False,
    "failure": {"error": "Refused", "cause": "a quota", "rollback": False},
    "answer": {"outcome": "ready"}, "probed_from": "outside", "generation": 2, "lost": 1,
    "repairing": True, "wait_seconds": 200,
    "incident": {**INCIDENT, "instance_id": "i-0123456789abcdef0"},
    "beside": True, "drain_first": False, "drain_seconds": 840, "force": False,
    "taken_back": False, "loss": {"error": "HostLost", "cause": "it was terminated"},
    "replaces": True,
    "stopped": True, "begun": {"todo": "start", "name": "demo"},
    "by": "schedule",
    "sleep": True, "idle": False, "only_asleep": False, "asked_by": "alice",
    "rolled_back": False, "swept": False, "command_id": "0123abcd-0000-4000-8000-000000000000",
}  # fmt: skip
CONTEXT = {
    "Execution": {"Id": ID, "Name": "demo", "StartTime": "2026-11-27T19:00:00Z", "Input": {}},
    "Task": {"Token": "token"},
}
STATES = {
    "input": {"name": "demo"},
    "result": [{"outcome": "ready"}],
    "errorOutput": {"Error": "Refused", "Cause": "a quota"},
    "context": CONTEXT,
}
# What comes from outside may be null, absent, or something else altogether.
OUTSIDE: dict[str, dict[str, Any]] = {
    "ok": {},
    "null": {
        "states": {"input": {"name": None}, "errorOutput": {"Error": "Refused", "Cause": None}},
        "incident": {**INCIDENT, "instance_id": None},
    },
    "missing": {
        "states": {"input": {}, "errorOutput": {"Error": "Refused"}},
        "incident": INCIDENT,
    },
    "no object": {"states": {"input": None}},
    "a text": {"states": {"input": "demo"}},
    "a list": {"states": {"input": [{"name": "demo"}, {"name": "other"}]}},
}
RESULTS = {
    "array": [{"outcome": "ready"}],
    "object": {
        "Payload": {
            "generation": 1,
            "wait_seconds": 0,
            "beside": True,
            "drain_first": False,
            "drain_seconds": 840,
            "stopped": False,
            "taken_back": True,
            "replaces": True,
            "cause": "it was terminated",
            "command_id": "0123abcd-0000-4000-8000-000000000000",
        },
        "probed_from": "outside",
    },
}
TYPES = {"Condition": bool, "Error": str, "Cause": str, "Name": str}


@dataclass(frozen=True)
class Case:
    """An expression in the field `key`, and what it sees when `outside` came in."""

    key: str
    expression: str
    outside: str
    bindings: dict[str, Any]


@cache
def substitutions(workflow: str) -> dict[str, str]:
    """Return what the template puts in the place of each `${Name}` of a workflow."""
    resources = expanded()
    machine = resources[f"{workflow.capitalize()}StateMachine"]["Properties"]
    given = machine["DefinitionSubstitutions"]
    return {name: resolved(value, resources) for name, value in given.items()}


def substituted(workflow: str, definition: str) -> dict[str, Any]:
    """Return the machine that Step Functions gets, as data."""
    for name, value in substitutions(workflow).items():
        definition = definition.replace(f"${{{name}}}", value)
    return yaml.safe_load(definition)


def expressions(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each JSONata expression with the name of its field."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from expressions(value, name)
    elif isinstance(node, list):
        for item in node:
            yield from expressions(item, key)
    elif isinstance(node, str) and ("{%" in node or "%}" in node):
        found = EXPRESSION.match(node)
        yield key, found[1] if found else node


def assigned(node: Any) -> set[str]:
    """Return the variables that some state of the machine assigns."""
    if isinstance(node, list):
        return {name for item in node for name in assigned(item)}
    if isinstance(node, dict):
        return set(node.get("Assign", {})).union(*(assigned(value) for value in node.values()))
    return set()


def cases(machine: dict[str, Any]) -> list[Case]:
    """Return every expression of a machine with everything that may come from outside."""
    return [
        Case(key, expression, name, bindings(machine, outside, expression))
        for key, expression in expressions(machine)
        for name, outside in OUTSIDE.items()
    ]


def bindings(machine: dict[str, Any], outside: dict[str, Any], expression: str) -> dict[str, Any]:
    """Return what an expression sees: assigned variables, and `$states`."""
    result = RESULTS["array" if "$states.result[" in expression else "object"]
    if unknown := assigned(machine) - set(VARIABLES):
        pytest.fail(f"write an example of {unknown} into VARIABLES in {__file__}")
    variables = {name: VARIABLES[name] for name in assigned(machine)}
    given = {**STATES, "result": result, **outside.get("states", {})}
    return {**variables, **{k: v for k, v in outside.items() if k in variables}, "states": given}


def problems(verdict: dict[str, Any], asked: list[Case]) -> list[str]:
    """Return what the two judges refuse, one sentence each."""
    return verdict["errors"] + [
        f"{case.key}: {case.expression} on {case.outside}: {answer}"
        for case, answer in zip(asked, verdict["answers"], strict=True)
        if refused(answer, case)
    ]


def refused(answer: dict[str, Any], case: Case) -> bool:
    """Return whether Step Functions would end the workflow over this answer: an error, no value, or
    a value of another type. A variable's field may be absent where the state is not reached then.
    """
    if "undefined" in answer:
        return case.outside == "ok" or "$states" in case.expression
    return "error" in answer or not isinstance(answer["value"], TYPES.get(case.key, object))


def judged(machines: dict[str, dict[str, Any]], expressions_only: set[str]) -> dict[str, list[str]]:
    """Return the problems of each machine; one process judges them all."""
    program = shutil.which("node")
    if not program or not (NODE / "node_modules" / "asl-validator").exists():
        pytest.fail("asl-validator is not installed: run `make check` (needs nodejs and npm)")
    asked = {name: cases(machine) for name, machine in machines.items()}
    sent = [
        {
            "definition": None if name in expressions_only else machine,
            "cases": [asdict(case) for case in asked[name]],
        }
        for name, machine in machines.items()
    ]
    done = subprocess.run(
        [program, "judge.js"], cwd=NODE, text=True, check=True, stdout=subprocess.PIPE,
        input=json.dumps(sent),
    )  # fmt: skip
    heard = zip(machines, json.loads(done.stdout), strict=True)
    return {name: problems(verdict, asked[name]) for name, verdict in heard}


MACHINE = """
QueryLanguage: JSONata
StartAt: Start
States:
  Start:
    Type: Pass
    Assign: {failed: false}
    Next: Ask
  Ask:
    Type: Task
    Resource: arn:aws:states:::lambda:invoke
    Arguments: {FunctionName: f, Payload: {input: "{% $string($states.input) %}"}}
    Output: "{% $states.result.Payload %}"
    HeartbeatSeconds: 900
    Retry: [{ErrorEquals: [Pending], MaxAttempts: 3}]
    Next: Failed?
  Failed?:
    Type: Choice
    Choices: [{Condition: "{% $failed %}", Next: Failed}]
    Default: Done
  Done: {Type: Succeed}
  Failed: {Type: Fail, Error: Refused, Cause: "{% 'for ' & $states.context.Execution.Id %}"}
"""
INPUT = "{% $string($states.input) %}"


DEFECTS = [
    ("Next: Ask", "Next: Asked", "Asked"),
    ("Next: Ask", "Next: Ask\n    End: true", "Start"),
    ("HeartbeatSeconds: 900", 'HeartbeatSeconds: "900"', "HeartbeatSeconds"),
    ("Arguments:", "Parameters:", "/States/Ask is invalid"),
    ("arn:aws:states:::lambda:invoke", "lambda:invoke", "Resource"),
    (INPUT, "{% $states.input.( %}", "S0"),
    (INPUT, "{% $states.input }", "{% $states.input } on ok: {'error'"),
    (INPUT, "input: {% $states.input %}", "input: {% $states.input %} on ok: {'error'"),
    (INPUT, "{% $states.input.size + 1 %}", "input: $states.input.size + 1 on null"),
    (INPUT, "{% $uppercase($states.input.name) %}", "on null: {'error': 'T0410"),
    (INPUT, "{% $states.input.name %}", "on missing: {'undefined'"),
    (INPUT, "{% $uper($states.input) %}", "T1006"),
    (INPUT, "{% $fialed %}", "input: $fialed on ok: {'undefined'"),
    ("{% $failed %}", "{% $states.input.name %}", "Condition: $states.input.name on ok"),
    ("{% 'for ' & $states.context.Execution.Id %}", "{% $states.context.Execution %}", "Cause"),
]


@pytest.fixture(scope="module")
def verdicts() -> dict[str, list[str]]:
    """Return the problems of each workflow by its name, of each defect by what it puts in."""
    defects = {f"{right} > {wrong}": MACHINE.replace(right, wrong) for right, wrong, _ in DEFECTS}
    ours = {workflow: substituted(workflow, text(workflow)) for workflow in WORKFLOWS}
    others = {"small": MACHINE, **defects}
    machines = ours | {name: yaml.safe_load(machine) for name, machine in others.items()}
    return judged(machines, {name for name in defects if name.startswith("{%")})


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_is_valid_and_its_expressions_have_values_whatever_the_input(verdicts, workflow):
    assert len(list(expressions(substituted(workflow, text(workflow))))) > 50
    assert verdicts[workflow] == []


def test_a_small_workflow_is_accepted(verdicts):
    assert verdicts["small"] == []


@pytest.mark.parametrize(("right", "wrong", "expected"), DEFECTS)
def test_a_defect_of_a_workflow_is_refused(verdicts, right, wrong, expected):
    assert MACHINE.count(right) == 1
    assert expected in "\n".join(verdicts[f"{right} > {wrong}"])
