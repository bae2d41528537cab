"""A remedy that is copied reaches the installation that it is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lamplighter.command_line.command_lines import COMMANDS, CommandLines
from lamplighter.main import cli

if TYPE_CHECKING:
    from clilab.fixture_types import Origins, Run
    from clilab.workflows import Scripting, Workflows
    from mypy_boto3_dynamodb.service_resource import Table

TWIN = CommandLines(local=True, state_dir=Path("/srv/my twin"))
AWS = CommandLines(region="eu-west-1", profile="my profile", stack="other")


def test_every_command_is_one_that_is_recognised() -> None:
    assert sorted(cli.commands) == list(COMMANDS)


@pytest.mark.parametrize(
    ("lines", "text", "shown"),
    [
        (CommandLines(), "run `lamplighter down prod`", "run `lamplighter down prod`"),
        (CommandLines(local=True), "`lamplighter down prod`", "`lamplighter --local down prod`"),
        (
            TWIN,
            "run lamplighter up (or lamplighter down prod)",
            (
                "run lamplighter --local --state-dir '/srv/my twin' up"
                " (or lamplighter --local --state-dir '/srv/my twin' down prod)"
            ),
        ),
        (TWIN, "`lamplighter local up`", "`lamplighter --state-dir '/srv/my twin' local up`"),
        (CommandLines(), "`lamplighter --local up x.yaml`", "`lamplighter --local up x.yaml`"),
        (
            CommandLines(state_dir=Path("/t")),
            "`lamplighter --local up x.yaml`",
            "`lamplighter --local --state-dir /t up x.yaml`",
        ),
        (
            AWS,
            "`lamplighter keys list prod`",
            "`lamplighter --region eu-west-1 --profile 'my profile' --stack other keys list prod`",
        ),
        (
            AWS,
            "`lamplighter gateway --backend-key-file`",
            "`lamplighter gateway --backend-key-file`",
        ),
        (
            AWS,
            "`aws stepfunctions stop-execution`",
            "`aws --region eu-west-1 --profile 'my profile' stepfunctions stop-execution`",
        ),
        (
            AWS,
            "`lamplighter --stack lamplighter down demo`",
            (
                "`lamplighter --region eu-west-1 --profile 'my profile' --stack lamplighter"
                " down demo`"
            ),
        ),
        (
            CommandLines(local=True, stack="other"),
            "`lamplighter --stack second down demo`",
            "`lamplighter --local --stack second down demo`",
        ),
        (
            CommandLines(),
            "`lamplighter --stack second down demo`",
            "`lamplighter --stack second down demo`",
        ),
        (AWS, "`aws sso login`", "`aws --profile 'my profile' sso login`"),
        (
            CommandLines(local=True),
            "`aws stepfunctions stop-execution`",
            """`eval "$(lamplighter local env)"; aws stepfunctions stop-execution`""",
        ),
    ],
)
def test_a_command_line_repeats_the_options_in_force(
    lines: CommandLines, text: str, shown: str
) -> None:
    assert lines.repeated(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "s3://lamplighter-prod-1-us-east-1/x",
        "Lamplighter is not installed here",
        "/lamplighter/prod/keys",
        "the stack lamplighter upgrades",
        "lamplighter key-1",
        "x-lamplighter up",
    ],
)
def test_what_is_no_command_line_stays(text: str) -> None:
    assert TWIN.repeated(text) == text


@pytest.fixture
def failing(serving: Table, workflows: Workflows, script: type[Scripting], twin: Origins) -> Table:
    """A twin whose every text proposes a command."""
    cause = "no quota (kept: vpc vpc-1; `lamplighter down prod` removes them)"
    workflows.scripts["provision"] = script.of(
        [script.entered("EnsureNetwork", 0), script.stumbled("Refused", cause, 1)],
        error="Refused",
        cause=cause,
    )
    row = {"pk": "prod", "sk": "deployment", "status": "failed", "reason": cause}
    row |= {"phase": "failed", "phase_cause": "run lamplighter up", "warnings": cause}
    serving.put_item(Item=row)
    at = "2026-05-01T10:00:00+00:00"
    serving.put_item(
        Item={"pk": "prod", "sk": f"event#{at}", "at": at, "what": "provision", "text": cause}
    )
    why = "first `lamplighter down prod`"
    workflows.plan = (
        "",
        {"changes": [{"resource": "dns", "action": "keep", "what": "a", "why": why}]},
    )
    twin({})
    return serving


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize("words", [["up", "SPEC"], ["status", "prod"], ["status"],
                                   ["events", "prod"], ["plan", "SPEC"]])  # fmt: skip
def test_remedies_from_workflows_and_hosts_stay_on_the_twin(
    lamplighter: Run, spec: str, form: list[str], words: list[str]
) -> None:
    said = [spec if word == "SPEC" else word for word in words]

    result = lamplighter("--local", *form, *said)

    shown = result.stdout + result.stderr
    assert "lamplighter --local " in shown
    assert "lamplighter down" not in shown
    assert "lamplighter up" not in shown


@pytest.mark.usefixtures("ledger")
def test_ctrl_c_names_the_same_region_and_stack(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], spec: str
) -> None:
    def interrupt(look: int) -> None:
        if look == 2:
            raise KeyboardInterrupt

    workflows.scripts["provision"] = script.of([], [], on_look=interrupt)

    result = lamplighter("--region", "us-east-1", "--json", "up", spec)

    cause = json.loads(result.stdout)["cause"]
    assert "`lamplighter --region us-east-1 events prod --follow`" in cause
    assert "`aws --region us-east-1 stepfunctions stop-execution" in cause
