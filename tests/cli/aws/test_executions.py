from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from lamplighter.aws import executions

if TYPE_CHECKING:
    from collections.abc import Callable

    from clilab.fixture_types import Follow
    from clilab.workflows import Scripting, Workflows
    from lamplighter.aws.executions import Change, Outcome
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_stepfunctions import SFNClient

AT = datetime(2026, 5, 1, 12, 30, 5, tzinfo=UTC)


@pytest.fixture
def states(ledger: Table, workflows: Workflows) -> SFNClient:
    session = boto3.Session(region_name="us-east-1")
    workflows.attach(session)
    return session.client("stepfunctions")


@pytest.fixture
def follow(states: SFNClient) -> Follow:
    def of(arn: str) -> tuple[list[Change], Outcome]:
        changes: list[Change] = []
        ended = executions.follow(states, arn, show=changes.extend, pause=lambda: None)
        return changes, ended

    return of


def test_a_name_says_verb_deployment_and_time() -> None:
    assert executions.name("repair", "prod", AT, "beef") == "repair-prod-20260501t123005-beef"


def test_a_name_never_exceeds_what_step_functions_takes() -> None:
    long = executions.name("provision", "a b/" * 40, AT, "beef")

    assert len(long) == 80
    assert re.fullmatch(r"provision-[A-Za-z0-9-]+-20260501t123005-beef", long)


def test_a_start_passes_the_document_on_unchanged(states: SFNClient, workflows: Workflows) -> None:
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:provision"

    arn = executions.start(states, machine, "provision", "prod", {"name": "prod", "n": [1]})

    assert workflows.started("provision") == [{"name": "prod", "n": [1]}]
    assert re.search(r":provision-prod-\d{8}t\d{6}-[0-9a-f]{4}$", arn)


def test_every_step_is_shown_once_and_in_order(
    follow: Follow, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.scripts["provision"] = script.of(
        [script.entered("Provision", 0, "Parallel"), script.entered("EnsureNetwork", 1)],
        [script.left("EnsureNetwork", 4), script.entered("EnsureDns?", 4, "Choice")],
        [script.entered("WaitForTags", 5, "Wait"), script.left("WaitForTags", 6, "Wait")],
        [],
        [script.entered("AwaitServing", 7), script.left("AwaitServing", 9)],
    )

    changes, ended = follow(workflows.begin("provision", {}))

    assert [(change.kind, change.step) for change in changes] == [
        ("entered", "EnsureNetwork"),
        ("left", "EnsureNetwork"),
        ("entered", "WaitForTags"),
        ("left", "WaitForTags"),
        ("entered", "AwaitServing"),
        ("left", "AwaitServing"),
    ]
    assert (ended.status, ended.seconds) == ("SUCCEEDED", 42.0)


def test_old_pages_of_the_history_are_not_read_again(
    follow: Follow, workflows: Workflows, script: type[Scripting]
) -> None:
    steps = [[script.entered(f"Step{n}", n), script.left(f"Step{n}", n)] for n in range(20)]
    workflows.scripts["provision"] = script.of(*steps)

    changes, _ = follow(workflows.begin("provision", {}))

    assert len(changes) == 40
    # Two pages a look: the news, and one that shows nothing new. All pages would be above 200.
    assert workflows.calls.count("GetExecutionHistory") <= 2 * 21


@pytest.mark.parametrize(
    ("error", "shown"),
    [("Pending", "waiting"), ("LockHeld", "waiting"), ("KeyError", "KeyError")],
)
def test_an_attempt_that_failed_is_reported_with_the_sentence_inside_lambdas_document(
    follow: Follow, workflows: Workflows, script: type[Scripting], error: str, shown: str
) -> None:
    document = json.dumps({"errorType": error, "errorMessage": "the NAT gateway is not there yet"})
    workflows.scripts["provision"] = script.of(
        [script.entered("EnsureNetwork", 0), script.stumbled(error, document, 1)],
        [script.left("EnsureNetwork", 2)],
    )

    changes, _ = follow(workflows.begin("provision", {}))

    assert [(change.kind, change.note) for change in changes] == [
        ("entered", ""),
        ("failing", f"{shown}: the NAT gateway is not there yet"),
        ("left", ""),
    ]


def test_a_short_outage_of_the_network_is_waited_out(
    follow: Follow, workflows: Workflows, script: type[Scripting]
) -> None:
    arn = workflows.begin("provision", {})
    workflows.executions[arn].script = script.of([], on_look=_offline(until=executions.PATIENCE))

    _, ended = follow(arn)

    assert ended.status == "SUCCEEDED"


def test_a_long_outage_ends_the_watch(
    follow: Follow, workflows: Workflows, script: type[Scripting]
) -> None:
    arn = workflows.begin("provision", {})
    workflows.executions[arn].script = script.of(on_look=_offline(until=1000))

    with pytest.raises(EndpointConnectionError):
        follow(arn)


def _offline(until: int) -> Callable[[int], None]:
    def on_look(look: int) -> None:
        if look < until:
            raise EndpointConnectionError(endpoint_url="https://states.example")

    return on_look
