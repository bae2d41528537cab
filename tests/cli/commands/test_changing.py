from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from typing import Any

    from clilab.fixture_types import Run
    from clilab.workflows import Scripting, Workflows
    from mypy_boto3_dynamodb.service_resource import Table

SERVING = {
    "name": "prod",
    "endpoint": "https://infer.example.com",
    "instance_id": "i-9",
    "generation": 3,
}
DIFFERENCE = {
    "key": "model",
    "old": "m",
    "new": "other",
    "how": "new generation",
    "why": "the engine starts with it",
}
CHANGE = {
    "differences": [DIFFERENCE],
    "new_host": True,
    "gap_seconds": 0,
    "gap": "the name is led to the new host while the old one serves",
}
PLANNED = {"changes": [], "checks": [], "change": CHANGE}
ROTATION = PLANNED | {"change": CHANGE | {"differences": []}}
CALLER = "arn:aws:sts::123456789012:user/moto"


def keep(table: Table, at: str, model: str, changed: list[dict[str, Any]]) -> None:
    spec = {"name": "prod", "model": model}
    table.put_item(
        Item={
            "pk": "prod", "sk": f"spec#{at}", "at": at, "by": "alice", "generation": 2,
            "spec": json.dumps(spec), "changed": json.dumps(changed),
        }
    )  # fmt: skip


@pytest.fixture
def kept(serving: Table) -> Table:
    """Three specifications that served, the last of them now."""
    for hour, model in enumerate(("a", "b", "c")):
        changed = {"key": "model", "old": "abc"[hour - 1], "new": model}
        keep(serving, f"2026-05-01T1{hour}:00:00+00:00", model, [changed] if hour else [])
    return serving


@pytest.fixture
def provisions(workflows: Workflows, script: type[Scripting]) -> None:
    workflows.scripts["provision"] = script.of(output=SERVING)
    workflows.plan = ("", PLANNED)


@pytest.mark.usefixtures("serving", "provisions")
def test_up_shows_each_difference_how_it_is_made_and_the_gap(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    result = lamplighter("up", spec, "--yes")

    assert result.exit_code == 0, result.stderr
    lines = result.stderr.splitlines()
    assert 'change: model: "m" -> "other": new generation (the engine starts with it)' in lines
    assert (
        "expected gap: 0 s at most (the name is led to the new host while the old one serves)"
        in lines
    )
    assert workflows.started("provision") == [{"name": "prod", "model": "m"}]
    [execution] = workflows.executions.values()
    assert execution.document["asked_by"] == CALLER


@pytest.mark.usefixtures("serving", "provisions")
def test_what_serves_is_not_changed_without_an_answer(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    result = lamplighter("up", spec)

    assert result.exit_code == 2
    assert "this changes prod in account 123456789012, region us-east-1: model;" in result.stderr
    assert "confirm with --yes" in result.stderr
    assert workflows.started("provision") == []


@pytest.mark.usefixtures("serving", "provisions")
@pytest.mark.parametrize(("answer", "code", "started"), [("y", 0, 1), ("n", 130, 0)])
def test_on_a_terminal_up_asks(
    lamplighter: Run,
    workflows: Workflows,
    spec: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    started: int,
) -> None:
    monkeypatch.setattr("lamplighter.command_line.consent.at_a_terminal", lambda: True)

    result = lamplighter("up", spec, stdin=f"{answer}\n".encode())

    assert result.exit_code == code
    assert len(workflows.started("provision")) == started


@pytest.mark.usefixtures("serving", "provisions")
def test_where_nothing_serves_differently_nothing_is_asked(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", PLANNED | {"change": None})

    assert lamplighter("up", spec).exit_code == 0


@pytest.mark.usefixtures("serving", "provisions")
def test_an_installation_of_an_earlier_version_is_not_sent_who_asks(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", {"changes": []})

    lamplighter("up", spec)

    [execution] = workflows.executions.values()
    assert execution.document == {"name": "prod", "model": "m"}


@pytest.mark.usefixtures("serving", "provisions")
def test_without_a_plan_what_serves_is_asked_about_too(
    lamplighter: Run, workflows: Workflows, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}

    def ask(*_: Any) -> None:
        raise ClientError(refusal, "Invoke")  # type: ignore[arg-type]

    monkeypatch.setattr("lamplighter.commands.plan.ask", ask)

    assert lamplighter("up", spec).exit_code == 2
    assert lamplighter("up", spec, "--yes").exit_code == 0
    assert len(workflows.started("provision")) == 1


@pytest.mark.usefixtures("ledger")
def test_plan_shows_how_each_difference_is_made(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", PLANNED)

    result = lamplighter("plan", spec)

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert 'new generation model: "m" -> "other" the engine starts with it' in lines
    assert any(line.startswith("expected gap: 0 s at most, the name is led") for line in lines)


@pytest.mark.usefixtures("kept")
def test_history_shows_what_served_since_when_by_whom_and_what_it_changed(lamplighter: Run) -> None:
    result = lamplighter("history", "prod")

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[1] == '0 2026-05-01 12:00:00Z 2 alice model: "b" -> "c"'
    assert [line.split()[0] for line in lines[1:]] == ["0", "1", "2"]
    found = json.loads(lamplighter("--json", "history", "prod").stdout)["specifications"]
    assert [each["spec"]["model"] for each in found] == ["c", "b", "a"]
    assert found[0]["changed"] == [{"key": "model", "old": "b", "new": "c"}]


@pytest.mark.usefixtures("serving")
def test_history_of_what_an_earlier_version_provisioned_is_empty(lamplighter: Run) -> None:
    result = lamplighter("history", "prod")

    assert result.exit_code == 0
    assert "prod has not served yet, or only with an earlier version" in result.stdout


@pytest.mark.usefixtures("kept", "provisions")
@pytest.mark.parametrize(("number", "model"), [([], "b"), (["2"], "a")])
def test_rollback_provisions_a_specification_that_served(
    lamplighter: Run, workflows: Workflows, number: list[str], model: str
) -> None:
    result = lamplighter("rollback", "prod", *number, "--yes")

    assert result.exit_code == 0, result.stderr
    assert workflows.started("provision") == [{"name": "prod", "model": model}]
    assert workflows.asked["spec"] == {"name": "prod", "model": model}
    assert "prod serves the specification of 2026-05-01 1" in result.stdout


@pytest.mark.usefixtures("kept", "provisions")
def test_rollback_asks_first(lamplighter: Run, workflows: Workflows) -> None:
    assert lamplighter("rollback", "prod").exit_code == 2
    assert workflows.started("provision") == []


@pytest.mark.usefixtures("kept", "provisions")
def test_a_specification_that_is_not_kept_is_named(lamplighter: Run) -> None:
    result = lamplighter("rollback", "prod", "3", "--yes")

    assert result.exit_code == 2
    assert "prod has no specification 3: `lamplighter history prod` lists those" in result.stderr


@pytest.mark.usefixtures("serving", "provisions")
def test_rotate_provisions_the_same_on_a_new_host(lamplighter: Run, workflows: Workflows) -> None:
    workflows.plan = ("", ROTATION)

    refused = lamplighter("rotate", "prod")
    result = lamplighter("rotate", "prod", "--yes")

    assert refused.exit_code == 2
    assert "its host, for a new one of the same specification" in refused.stderr
    assert result.exit_code == 0, result.stderr
    assert workflows.started("provision") == [{"name": "prod", "rotate": True}]
    assert "prod runs on i-9, generation 3, after 42 s" in result.stdout


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("command", ["history", "rollback", "rotate"])
def test_a_name_that_is_not_known_is_an_exit_code(lamplighter: Run, command: str) -> None:
    assert lamplighter(command, "nowhere").exit_code == 3


def test_status_names_the_workflow_of_a_change_that_is_under_way(
    lamplighter: Run, serving: Table
) -> None:
    serving.update_item(
        Key={"pk": "prod", "sk": "deployment"},
        UpdateExpression="SET next_execution = :arn",
        ExpressionAttributeValues={":arn": "arn:aws:states:provision-prod-1"},
    )

    result = lamplighter("status", "prod")

    assert "under way: arn:aws:states:provision-prod-1" in result.stdout
