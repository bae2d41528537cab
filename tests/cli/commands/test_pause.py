from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from clilab.workflows import Workflows
    from mypy_boto3_dynamodb.service_resource import Table

UNTIL = "2099-01-31T18:00:00+00:00"


def answering(workflows: Workflows, until: str | None) -> dict[str, Any]:
    answer = {"name": "prod", "paused_until": until}
    workflows.plan = ("", answer)
    return answer


@pytest.mark.usefixtures("serving")
def test_a_pause_has_an_end_and_a_reason(lamplighter: Run, workflows: Workflows) -> None:
    answering(workflows, UNTIL)

    result = lamplighter("pause", "prod", "--until", "2099-01-31T18:00:00Z", "--why", "a kernel")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == (
        "prod is paused until 2099-01-31 18:00:00Z: nothing is repaired before; "
        "`lamplighter resume prod` ends the pause\n"
    )
    assert workflows.asked == {"verb": "pause", "name": "prod", "until": UNTIL, "why": "a kernel"}


@pytest.mark.usefixtures("serving")
def test_a_pause_for_two_hours_ends_in_two_hours(lamplighter: Run, workflows: Workflows) -> None:
    answering(workflows, UNTIL)
    before = datetime.now(UTC)

    lamplighter("pause", "prod", "--for", "2h")

    until = datetime.fromisoformat(workflows.asked["until"])
    assert timedelta(minutes=119) < until - before < timedelta(minutes=121)


@pytest.mark.usefixtures("serving")
def test_a_pause_without_an_end_lasts_until_it_is_resumed(
    lamplighter: Run, workflows: Workflows
) -> None:
    answer = answering(workflows, None)

    shown = lamplighter("pause", "prod").stdout
    document = json.loads(lamplighter("--json", "pause", "prod").stdout)

    assert shown == "prod is paused: nothing is repaired until `lamplighter resume prod`\n"
    assert document == answer
    assert workflows.asked == {"verb": "pause", "name": "prod", "until": None, "why": ""}


@pytest.mark.usefixtures("serving")
def test_resume_ends_a_pause(lamplighter: Run, workflows: Workflows) -> None:
    workflows.plan = ("", {"name": "prod"})

    result = lamplighter("resume", "prod")

    assert result.stdout == "prod is watched again: outages are repaired\n"
    assert workflows.asked == {"verb": "resume", "name": "prod"}


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--for", "2h", "--until", "3h"], "two ways to say one thing"),
        (["--for", "soon"], "'soon' is no duration: write 90s, 15m, 24h or 30d"),
        (["--until", "2020-01-31"], "'2020-01-31' is over already"),
        (["--why", "x" * 201], "--why is longer than 200 characters: shorten it"),
    ],
)
def test_a_pause_that_cannot_be_asks_nothing(
    lamplighter: Run, workflows: Workflows, options: list[str], sentence: str
) -> None:
    result = lamplighter("pause", "prod", *options)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Invoke" not in workflows.calls


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_an_installation_of_an_earlier_version_cannot_pause(
    lamplighter: Run, workflows: Workflows, command: str
) -> None:
    outputs = dict(workflows.stacks["lamplighter"])
    del outputs["MaintenanceFunction"]
    workflows.stacks["lamplighter"] = outputs

    result = lamplighter(command, "prod")

    assert result.exit_code == 5
    assert "is of an earlier version, which cannot pause: run `make deploy`" in result.stderr


@pytest.mark.usefixtures("serving")
def test_the_functions_refusal_is_the_commands(lamplighter: Run, workflows: Workflows) -> None:
    refusal = {"errorType": "InvalidRequest", "errorMessage": "until: it is over already"}
    workflows.plan = ("Unhandled", refusal)

    result = lamplighter("pause", "prod")

    assert result.exit_code == 2
    assert "until: it is over already" in result.stderr


@pytest.mark.parametrize(
    ("until", "is_paused"),
    [(None, True), (UNTIL, True), ("2026-05-01T14:00:00+00:00", False)],
)
def test_status_shows_a_pause_until_it_is_over(
    lamplighter: Run, serving: Table, until: str | None, *, is_paused: bool
) -> None:
    serving.update_item(
        Key={"pk": "prod", "sk": "deployment"},
        UpdateExpression="SET paused_at = :at, paused_why = :why, paused_until = :until",
        ExpressionAttributeValues={
            ":at": "2026-05-01T13:00:00+00:00", ":why": "a kernel", ":until": until,
        },
    )  # fmt: skip

    shown = lamplighter("status", "prod").stdout
    listed = lamplighter("status").stdout.splitlines()[1]
    document = json.loads(lamplighter("--json", "status", "prod").stdout)

    assert ("serving, paused" in shown) is ("serving, paused" in listed) is is_paused
    assert (
        "a kernel; nothing is repaired, `lamplighter resume prod` ends it" in shown
    ) is is_paused
    assert document["paused"] is is_paused
    assert (document["paused_why"], document["paused_until"]) == ("a kernel", until or "")
