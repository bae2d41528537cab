from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clilab.fixture_types import Lock, Run
    from clilab.workflows import Scripting, Workflows
    from mypy_boto3_dynamodb.service_resource import Table


@pytest.mark.usefixtures("serving")
def test_down_ends_with_how_much_is_left(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.scripts["teardown"] = script.of(output={"name": "prod", "left": 0})

    result = lamplighter("down", "prod", "--yes")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == "prod is down after 42 s: 0 resources left\n"
    assert workflows.started("teardown") == [{"name": "prod"}]


@pytest.mark.usefixtures("serving")
def test_down_without_a_terminal_needs_yes(lamplighter: Run, workflows: Workflows) -> None:
    result = lamplighter("down", "prod")

    assert result.exit_code == 2
    assert "confirm with --yes" in result.stderr
    assert workflows.started("teardown") == []


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize(("answer", "started"), [("y\n", 1), ("n\n", 0), ("\n", 0), ("", 0)])
def test_down_asks_on_a_terminal_what_is_deleted_and_where(
    lamplighter: Run,
    workflows: Workflows,
    script: type[Scripting],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    started: int,
) -> None:
    workflows.scripts["teardown"] = script.of(output={"name": "prod", "left": 0})
    monkeypatch.setattr("lamplighter.command_line.consent.at_a_terminal", lambda: True)

    result = lamplighter("down", "prod", stdin=answer.encode())

    assert (
        "this deletes prod (serving, https://infer.example.com, i-2) in account 123456789012, "
        "region us-east-1, with its instance, network, address, DNS record, images, bucket and "
        "API keys. Go on?"
    ) in " ".join(result.stderr.split())
    assert len(workflows.started("teardown")) == started
    assert result.exit_code == (0 if started else 130)


def test_down_of_a_tombstone_starts_nothing(
    lamplighter: Run, serving: Table, workflows: Workflows
) -> None:
    serving.put_item(Item={"pk": "prod", "sk": "deployment", "status": "absent"})

    result = lamplighter("down", "prod")

    assert result.exit_code == 0
    assert result.stdout == "prod is already down\n"
    assert workflows.started("teardown") == []


def test_down_reaches_what_an_early_failure_left(
    lamplighter: Run, ledger: Table, workflows: Workflows, script: type[Scripting]
) -> None:
    ledger.put_item(Item={"pk": "half", "sk": "resource#network", "state": "ready"})
    workflows.scripts["teardown"] = script.of(output={"name": "half", "left": 0})

    result = lamplighter("down", "half", "--yes")

    assert result.exit_code == 0, result.stderr
    assert workflows.started("teardown") == [{"name": "half"}]


def test_a_running_teardown_is_joined(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], locked: Lock
) -> None:
    workflows.scripts["teardown"] = script.of([], output={"name": "prod", "left": 0})
    running = locked("teardown", {"name": "prod"})

    result = lamplighter("down", "prod")

    assert result.exit_code == 0, result.stderr
    assert f"watching {running}" in result.stderr
    assert len(workflows.started("teardown")) == 1


@pytest.mark.usefixtures("serving")
def test_resources_left_are_a_failure_that_lists_them(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    cause = "2 resources are left: vpc-1 (in use by eni-9), eni-9"
    workflows.scripts["teardown"] = script.of(error="ResourcesLeft", cause=cause)

    result = lamplighter("down", "prod", "--yes")

    assert result.exit_code == 1
    assert cause in result.stderr


@pytest.mark.usefixtures("serving")
def test_repair_passes_force_on_and_names_the_new_instance(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.scripts["repair"] = script.of(output={"outcome": "repaired", "instance_id": "i-3"})

    result = lamplighter("repair", "prod", "--force")

    assert result.stdout == "prod is repaired after 42 s: it runs on i-3\n"
    assert workflows.started("repair") == [{"name": "prod", "reason": "manual", "force": True}]


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize("rung", ["reconnect", "restart", "reboot", "rehost", "replace"])
def test_a_rung_is_passed_on(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], rung: str
) -> None:
    workflows.scripts["repair"] = script.of(output={"outcome": "repaired", "instance_id": None})

    result = lamplighter("repair", "prod", "--rung", rung)

    assert result.stdout == "prod is repaired after 42 s\n"
    assert workflows.started("repair") == [
        {"name": "prod", "reason": "manual", "force": False, "rung": rung}
    ]


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rung", "kick"], "'kick' is not one of 'reconnect', 'restart', 'reboot'"),
        (["--rung", "reboot", "--force"], "--force replaces the instance, --rung reboot does not"),
    ],
)
def test_a_rung_that_cannot_be_starts_nothing(
    lamplighter: Run, workflows: Workflows, options: list[str], sentence: str
) -> None:
    result = lamplighter("repair", "prod", *options)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert workflows.started("repair") == []


@pytest.mark.usefixtures("serving")
def test_a_repair_that_was_not_needed_says_why(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.scripts["repair"] = script.of(output={"outcome": "skipped", "why": "it serves"})

    result = lamplighter("repair", "prod")

    assert result.exit_code == 0
    assert result.stdout == "prod was not repaired: it serves\n"
    assert workflows.started("repair") == [{"name": "prod", "reason": "manual", "force": False}]


@pytest.mark.usefixtures("serving")
def test_a_running_repair_is_joined(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], locked: Lock
) -> None:
    workflows.scripts["repair"] = script.of([], output={"outcome": "repaired", "instance_id": "i"})
    locked("repair", {"name": "prod"})

    result = lamplighter("repair", "prod")

    assert result.exit_code == 0, result.stderr
    assert len(workflows.started("repair")) == 1


@pytest.mark.parametrize("command", [["repair"], ["pause"], ["resume"], ["key"], ["keys", "list"]])
def test_what_was_torn_down_is_no_deployment(
    lamplighter: Run, serving: Table, workflows: Workflows, command: list[str]
) -> None:
    serving.put_item(Item={"pk": "prod", "sk": "deployment", "status": "absent"})

    result = lamplighter(*command, "prod")

    assert result.exit_code == 3
    assert "prod is torn down: `lamplighter up` with its specification" in result.stderr
    assert not {"StartExecution", "Invoke"} & set(workflows.calls)


@pytest.mark.parametrize(
    "command", [*("down", "repair", "key", "events", "status"), *("incidents", "pause", "resume")]
)
def test_an_unknown_name_is_answered_with_the_known_ones_nearest_first(
    lamplighter: Run, ledger: Table, workflows: Workflows, command: str
) -> None:
    for name in ("alpha", "prod", "prod-eu"):
        ledger.put_item(Item={"pk": name, "sk": "deployment", "status": "serving"})

    result = lamplighter(command, "prdo")

    assert result.exit_code == 3
    assert "there is no deployment 'prdo' (known: prod, prod-eu, alpha)" in result.stderr
    assert not {"StartExecution", "Invoke"} & set(workflows.calls)


@pytest.mark.usefixtures("ledger")
def test_an_unknown_name_in_an_empty_ledger_is_reported_as_such(lamplighter: Run) -> None:
    result = lamplighter("--json", "down", "prod")

    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "error": "UnknownDeployment",
        "cause": "there is no deployment 'prod' (there are none yet)",
        "exit_code": 3,
    }


@pytest.mark.usefixtures("ledger")
def test_down_force_needs_no_row_of_the_ledger(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.scripts["teardown"] = script.of(output={"name": "lost", "left": 0})

    result = lamplighter("down", "lost", "--force", "--yes")

    assert result.exit_code == 0, result.stderr
    assert workflows.started("teardown") == [{"name": "lost", "force": True}]
