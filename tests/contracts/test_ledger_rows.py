"""The ledger's rows mean the same to the orchestrator, which writes them, and to the CLI."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from contracts.documents import document
from lamplighter.aws import rows as cli
from orchestrator.ledger import rows as orchestrator
from orchestrator.ledger.attributes import pack, unpack
from simlab import World

GOLDEN = document("ledger_rows")
EVENT = {"at", "what", "text", "instance_id"}  # of Ledger.note
OF_KIND: list[tuple[Any, list[dict[str, Any]]]] = [
    (orchestrator.DeploymentRow, [GOLDEN["deployment"]]),
    (orchestrator.HostRow, GOLDEN["hosts"]),
    (orchestrator.IncidentRow, GOLDEN["incidents"]),
    (orchestrator.SpecRow, GOLDEN["specs"]),
    (orchestrator.LockRow, [GOLDEN["lock"]]),
]
ROWS = [*(row for _, rows in OF_KIND for row in rows), GOLDEN["event"]]


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as boto3's Table returns it."""
    return deserialized(pack({"pk": "demo", **row}))


def deserialized(item: Any) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def rows_of(world: World) -> list[dict[str, Any]]:
    """Return every row of the only deployment, as boto3's Table returns them."""
    [table] = world.stack.named["AWS::DynamoDB::Table"]
    with world.account.uncounted():
        found = world.account.client("dynamodb").scan(TableName=table)
    return [deserialized(item) for item in found["Items"]]


def read(*rows: dict[str, Any]) -> cli.Records:
    return cli.records("demo", map(stored, rows))


@pytest.mark.parametrize(("kind", "rows"), OF_KIND, ids=lambda each: getattr(each, "__name__", ""))
def test_the_orchestrator_writes_the_golden_rows(kind: Any, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        written = unpack(pack(kind.of(unpack(pack(row))).values()))
        assert {name: value for name, value in written.items() if value != ""} | {
            "sk": row["sk"]
        } == row


@pytest.mark.parametrize(("kind", "rows"), OF_KIND, ids=lambda each: getattr(each, "__name__", ""))
def test_the_golden_rows_have_every_attribute(kind: Any, rows: list[dict[str, Any]]) -> None:
    named = {name for row in rows for name in row} - {"sk"}

    assert named == {each.name for each in fields(kind)}


def test_the_cli_reads_every_golden_row() -> None:
    found = read(*ROWS)

    deployment = GOLDEN["deployment"]
    for name in ("desired", "status", "generation", "endpoint", "address", "served_at", "reason"):
        assert getattr(found.deployment, name) == deployment[name]
    for host, row in zip(found.deployment.hosts, GOLDEN["hosts"], strict=True):
        said = {**row, "warnings": tuple(row.get("warnings", "").splitlines())}
        assert {name: getattr(host, name) for name in said if name != "sk"} == {
            name: value for name, value in said.items() if name != "sk"
        }
    [incident] = found.incidents
    assert (incident.outcome, incident.replaced_by, incident.seconds) == ("repaired", "i-2", 362)
    assert [entry.what for entry in found.timeline] == ["incident", "incident", "instance"]
    [spec] = found.specs
    assert {name: getattr(spec, name) for name in GOLDEN["specs"][0] if name != "sk"} == {
        name: value for name, value in GOLDEN["specs"][0].items() if name != "sk"
    }
    assert found.unreadable == ()


def test_the_cli_leaves_the_rows_of_notices_out() -> None:
    notice = orchestrator.NoticeRow(kind="repaired", key="a#b", at=GOLDEN["event"]["at"], repeats=1)

    found = read(*ROWS, {"sk": notice.sk, **notice.values()})

    assert found == read(*ROWS)
    assert found.unreadable == ()


def test_the_host_that_serves_is_the_current_one_beside_a_newer_candidate() -> None:
    found = read(*ROWS).deployment

    assert found.current.instance_id == "i-2"
    assert [host.instance_id for host in found.active] == ["i-2", "i-3"]


def test_before_one_serves_the_newest_host_and_its_generation_are_shown() -> None:
    first = {**GOLDEN["hosts"][2], "sk": "host#1", "generation": 1}
    row = {**GOLDEN["deployment"], "generation": 0, "latest_generation": 1}

    found = read(row, first).deployment

    assert (found.generation, found.current.phase, found.current.percent) == (1, "loading", 40)


def test_the_cli_knows_the_version_that_the_orchestrator_writes() -> None:
    assert cli.VERSION == orchestrator.VERSION == GOLDEN["deployment"]["version"]


def test_the_rows_of_a_whole_life_are_read_and_have_no_other_attributes() -> None:
    with World.open(seed=1) as world:
        output = world.up(name="demo", model="m")
        first = rows_of(world)
        world.terminate(output["instance_id"])
        world.quiet()
        second = rows_of(world)

    allowed = {
        "deployment": set(GOLDEN["deployment"]),
        "host": {name for row in GOLDEN["hosts"] for name in row},
        "incident": {name for row in GOLDEN["incidents"] for name in row},
        "spec": set(GOLDEN["specs"][0]),
        "event": EVENT | {"sk"},
    }
    for rows in (first, second):
        for row in rows:
            kind = row["sk"].partition("#")[0]
            assert kind not in allowed or set(row) - {"pk"} <= allowed[kind]
    before, after = (cli.records("demo", rows) for rows in (first, second))
    assert (before.unreadable, after.unreadable) == ((), ())
    assert before.deployment.current.instance_id == output["instance_id"]
    assert before.deployment.current.phase == after.deployment.current.phase == "serving"
    assert after.deployment.current.instance_id == after.incidents[0].replaced_by
    assert (after.deployment.status, after.deployment.generation) == ("serving", 2)
