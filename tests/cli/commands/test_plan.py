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

CHECKS = [
    {"name": "model", "result": "pass", "found": "it fits", "needed": "17 GiB", "remedy": ""},
    {"name": "quota L-1", "result": "fail", "found": "5 of 5", "needed": "1", "remedy": "ask"},
]
LINE = {"what": "disk", "usd_per_hour": 0.0164, "usd_per_month": 12.0, "source": "snapshot"}
UNKNOWN = {"what": "spot", "usd_per_hour": None, "usd_per_month": None, "source": "no price"}
COST = {"lines": [LINE], "total": LINE | {"what": "total", "source": ""}, "pools": [UNKNOWN, LINE]}
BOOT = {"seconds": 480, "source": "an estimate"}
FULL = {"changes": CHANGES, "checks": CHECKS, "cost": COST, "first_boot": BOOT}


@pytest.mark.usefixtures("ledger")
def test_plan_shows_checks_cost_and_time_and_a_failed_check_is_an_exit_code(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", FULL)

    result = lamplighter("plan", spec)

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "lamplighter: this cannot work: see quota L-1"
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "fail quota L-1 5 of 5; needed: 1; ask" in lines
    assert "total 0.0164 12.00" in lines
    assert "spot ? ? no price" in lines
    assert "first boot: about 480 s, an estimate" in lines
    assert lines[-1].startswith("2 to create, 1 to keep, 2 checks: 1 pass, 1 fail, $0.02 an hour")


@pytest.mark.usefixtures("ledger")
def test_plan_without_a_failed_check_is_a_success(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", FULL | {"checks": CHECKS[:1]})

    assert lamplighter("plan", spec).exit_code == 0


@pytest.mark.usefixtures("ledger")
def test_plan_for_machines_has_all_of_it_and_the_same_exit_code(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", FULL)

    result = lamplighter("--json", "plan", spec)

    assert (result.exit_code, json.loads(result.stdout)) == (2, FULL)


@pytest.mark.usefixtures("ledger")
def test_the_models_config_and_the_sequences_are_passed_on(
    lamplighter: Run, workflows: Workflows, spec: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"hidden_size": 64}')

    lamplighter("plan", spec, "--model-config", str(file), "--sequences", "16")

    assert workflows.asked["model_config"] == {"hidden_size": 64}
    assert workflows.asked["sequences"] == 16

    lamplighter("up", spec, "--model-config", str(file))

    assert workflows.asked["model_config"] == {"hidden_size": 64}
    assert workflows.asked["sequences"] == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "no JSON"), ("[]", "no mapping"), (" " * 1_000_001, "no mapping below 1000000 bytes")],
)
def test_a_config_that_is_none_never_reaches_aws(
    lamplighter: Run, workflows: Workflows, spec: str, tmp_path: Path, content: str, sentence: str
) -> None:
    file = tmp_path / "config.json"
    file.write_text(content)

    result = lamplighter("up", spec, "--model-config", str(file))

    assert (result.exit_code, workflows.calls) == (2, [])
    assert sentence in result.stderr

    result = lamplighter("plan", spec, "--model-config", str(file))

    assert (result.exit_code, workflows.calls) == (2, [])
    assert sentence in result.stderr


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
    spec_document = {"name": "prod", "model": "m"}
    assert workflows.asked == {"verb": "plan", "spec": spec_document, "sequences": 1}


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
