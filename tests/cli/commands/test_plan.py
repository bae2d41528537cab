from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from clilab.fixture_types import Run
    from clilab.workflows import Workflows

CHANGES = [
    {"resource": "network", "action": "create", "what": "VPC 10.0.0.0/16", "why": "is not there"},
    {"resource": "registry", "action": "keep", "what": "lamplighter-prod", "why": None},
    {"resource": "instance", "action": "create", "what": "g6.xlarge", "why": "is not there"},
]


@pytest.mark.usefixtures("ledger")
def test_plan_shows_a_line_for_each_change_and_counts_them(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", {"changes": CHANGES})

    result = lamplighter("plan", spec)

    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[1] == ["create", "network", "VPC", "10.0.0.0/16", "is", "not", "there"]
    assert lines[2] == ["keep", "registry", "lamplighter-prod"]
    assert result.stdout.splitlines()[-1] == (
        "2 to create, 1 to keep, in account 123456789012, region us-east-1"
    )
    assert workflows.asked == {"verb": "plan", "spec": {"name": "prod", "model": "m"}}


@pytest.mark.usefixtures("ledger")
def test_plan_for_machines_is_what_the_function_answered(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", {"changes": CHANGES, "hourly_usd": 0.8})

    result = lamplighter("--json", "plan", spec)

    assert json.loads(result.stdout) == {"changes": CHANGES, "hourly_usd": 0.8}


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("error", "code"), [("InvalidRequest", 2), ("ResourceConflict", 4), ("KeyError", 1)]
)
def test_the_functions_error_is_reported_in_its_own_sentence(
    lamplighter: Run, workflows: Workflows, spec: str, error: str, code: int
) -> None:
    workflows.plan = ("Unhandled", {"errorType": error, "errorMessage": "gpu: not a boolean"})

    result = lamplighter("plan", spec)

    assert result.exit_code == code
    assert "gpu: not a boolean" in result.stderr


def test_a_specification_that_cannot_be_read_never_reaches_aws(
    lamplighter: Run, workflows: Workflows, tmp_path: Path
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: [\n")

    result = lamplighter("plan", str(file))

    assert result.exit_code == 2
    assert f"{file}:2:1: " in result.stderr
    assert workflows.calls == []
