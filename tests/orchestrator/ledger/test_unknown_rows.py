"""Rows that this version does not know, or not in this form, disturb no command."""

from __future__ import annotations

import pytest
from boto3.dynamodb.types import TypeSerializer

NAME = "serving"
AT = "2026-06-01T12:00:00+00:00"
UNKNOWN = [
    {"sk": "moonbeam#1", "colour": "blue", "version": 1},
    {"sk": "moonbeam", "at": 7, "id": "x"},
    {"sk": "resource#moonbeam", "state": "ready", "id": "mb-1", "intended_at": AT},
]
FROM_THE_FUTURE = [
    {"sk": f"event#{AT}", "version": 99, "when": {"seconds": 7}},
    {"sk": f"incident#{AT}#x", "version": 99, "opened": {"seconds": 7}},
    {"sk": "await", "version": 99, "waiting": ["i-1"]},
    {"sk": "await#1", "version": 99, "waiting": ["i-1"]},
    {"sk": "host#1", "version": 99, "machine": {"id": "i-1"}},
    {"sk": "resource#vpc", "version": 99, "things": [{"id": "vpc-1"}]},
]
DEPLOYMENT = {
    "sk": "deployment",
    "version": 99,
    "status": "serving",
    "desired": "present",
    "generation": 3,
    "spec": "{}",
}


def named(row):
    return row["sk"]


@pytest.fixture
def written(ledger):
    """Call it with a row: an operator's deployment has it beside an ordinary one."""

    def write(row):
        ledger.put_item(Item={**DEPLOYMENT, "pk": "demo", "version": 1})
        ledger.put_item(
            Item={"pk": "demo", "sk": "event#1", "at": AT, "what": "phase", "text": "t"}
        )
        ledger.put_item(Item={"pk": "demo", **row})

    return write


@pytest.mark.parametrize("row", [*UNKNOWN, *FROM_THE_FUTURE], ids=named)
def test_status_shows_the_deployment_beside_such_a_row(row, written, asked):
    written(row)

    [listed] = asked("status")["deployments"]
    shown = asked("status", "demo")

    assert (listed["name"], listed["status"]) == ("demo", "serving")
    assert (shown["status"], shown["generation"]) == ("serving", 3)


@pytest.mark.parametrize("row", [*UNKNOWN, *FROM_THE_FUTURE], ids=named)
def test_events_shows_the_others_beside_such_a_row(row, written, asked):
    written(row)

    entries = asked("events", "demo")["events"]

    assert ("phase", "t") in {(one["what"], one["text"]) for one in entries}


@pytest.mark.parametrize(
    "future",
    [
        {"warnings": ["w"], "phase": {"name": "loading"}},
        {"generation": "third", "spec": {"model": "m"}},
    ],
    ids=lambda future: "-".join(future),
)
def test_a_deployment_of_a_later_version_is_listed(future, ledger, asked, lamplighter):
    ledger.put_item(Item={**DEPLOYMENT, "pk": "demo", **future})
    ledger.put_item(Item={**DEPLOYMENT, "pk": "other"})

    names = [one["name"] for one in asked("status")["deployments"]]
    one = lamplighter("status", "demo")

    assert names == ["demo", "other"]
    assert one.exception is None or isinstance(one.exception, SystemExit)
    assert "demo" in one.output


def put(world, *rows):
    [table] = world.stack.named["AWS::DynamoDB::Table"]
    client = world.account.client("dynamodb")
    with world.account.uncounted():
        for row in rows:
            client.put_item(TableName=table, Item=typed({"pk": NAME, **row}))


def typed(row):
    return TypeSerializer().serialize(row)["M"]


@pytest.mark.parametrize("rows", [UNKNOWN, FROM_THE_FUTURE], ids=["unknown", "future"])
def test_down_is_not_stopped_by_such_rows(rows, world_of):
    with world_of(NAME) as world:
        put(world, *rows)

        assert world.down(NAME) == {"name": NAME, "left": 0}
        world.quiet()

        assert world.inventory() == {}
        [tombstone] = [row for row in world.rows(NAME) if row["sk"] == "deployment"]
        assert tombstone["status"] == "absent"


def test_down_of_a_deployment_of_a_later_version_leaves_nothing(world_of):
    """Its specification has another form; teardown goes by names, tags and rows."""
    with world_of(NAME) as world:
        [before] = [row for row in world.rows(NAME) if row["sk"] == "deployment"]
        later = {**before, "version": 99, "generation": int(before["generation"])}
        put(world, {**later, "spec": {"model": {"name": "m"}}, "phase": {"name": "serving"}})

        assert world.down(NAME) == {"name": NAME, "left": 0}
        world.quiet()

        assert world.inventory() == {}
