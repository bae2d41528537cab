from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from clilab.workflows import Scripting, Workflows
    from mypy_boto3_dynamodb.service_resource import Table

KEY = "sk-planted-secret"


@pytest.fixture
def stored(serving: Table) -> None:
    boto3.client("ssm").put_parameter(
        Name="/lamplighter/prod/api-key", Value=KEY, Type="SecureString"
    )


@pytest.mark.usefixtures("stored")
def test_key_prints_the_key_and_nothing_else(lamplighter: Run) -> None:
    result = lamplighter("key", "prod")

    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{KEY}\n", "")


@pytest.mark.usefixtures("stored")
def test_key_for_machines_is_a_document(lamplighter: Run) -> None:
    result = lamplighter("--json", "key", "prod")

    assert json.loads(result.stdout) == {"name": "prod", "key": KEY}


@pytest.mark.usefixtures("serving")
def test_a_deployment_without_a_key_says_what_makes_one(lamplighter: Run) -> None:
    result = lamplighter("key", "prod")

    assert result.exit_code == 3
    assert result.stdout == ""
    assert "prod has no API key" in result.stderr


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_other_command_shows_the_key_or_a_task_token(
    lamplighter: Run,
    serving: Table,
    workflows: Workflows,
    script: type[Scripting],
    spec: str,
    form: list[str],
) -> None:
    serving.put_item(Item={"pk": "prod", "sk": "await", "token": "planted-token"})
    done = {"endpoint": "https://e", "name": "prod", "left": 0}
    workflows.scripts = dict.fromkeys(("provision", "teardown"), script.of(output=done))

    results = [
        lamplighter(*form, *words)
        for words in (["status"], ["status", "prod"], ["events", "prod"], ["up", spec])
    ]

    assert [result.exit_code for result in results] == [0, 0, 0, 0]
    shown = "".join(result.stdout + result.stderr for result in results)
    assert KEY not in shown
    assert "planted-token" not in shown
