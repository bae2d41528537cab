"""The template and the workflows as data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = ("provision", "repair", "stop", "start", "teardown")


class _Cloudformation(yaml.CSafeLoader):
    """Reads `!Ref X` as {"!Ref": "X"}."""


def _tagged(loader: Any, suffix: str, node: Any) -> Any:
    kinds = {yaml.ScalarNode: "scalar", yaml.SequenceNode: "sequence", yaml.MappingNode: "mapping"}
    construct = getattr(loader, f"construct_{kinds[type(node)]}")
    deep = {} if isinstance(node, yaml.ScalarNode) else {"deep": True}
    return {f"!{suffix}": construct(node, **deep)}


_Cloudformation.add_multi_constructor("!", _tagged)


def read() -> dict[str, Any]:
    """template.yaml as it is written: references are not resolved."""
    text = (ROOT / "template.yaml").read_text()
    document: dict[str, Any] = yaml.load(text, Loader=_Cloudformation)  # noqa: S506 - a SafeLoader
    return document


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return read()


@pytest.fixture(scope="session")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Logical name without `Function` -> properties."""
    return {
        name.removesuffix("Function"): resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def rules(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every EventBridge rule by the name that SAM gives it: function and event."""
    return {
        f"{name}{event}": given["Properties"]
        for name, resource in template["Resources"].items()
        for event, given in resource["Properties"].get("Events", {}).items()
    }


def text(workflow: str) -> str:
    return (ROOT / "statemachine" / f"{workflow}.asl.yaml").read_text()


def definition(workflow: str) -> dict[str, Any]:
    """The definition with its numeric substitution filled in."""
    return yaml.safe_load(text(workflow).replace("${HostSilenceSeconds}", "180"))


def states(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every state, those inside branches included."""
    found = {}
    for name, state in machine["States"].items():
        found[name] = state
        for branch in state.get("Branches", []):
            found |= states(branch)
    return found


def lambda_tasks(workflow: str) -> dict[str, dict[str, Any]]:
    return {
        name: state
        for name, state in states(definition(workflow)).items()
        if state["Type"] == "Task" and "lambda" in state["Resource"]
    }


def called(state: dict[str, Any]) -> tuple[str, str]:
    """Return the function that a state calls, without `Function`, and the verb."""
    return function_of(state), str(state["Arguments"]["Payload"]["verb"])


def function_of(state: dict[str, Any]) -> str:
    [name] = re.findall(r"^\$\{(\w+)FunctionArn\}$", state["Arguments"]["FunctionName"])
    return str(name)
