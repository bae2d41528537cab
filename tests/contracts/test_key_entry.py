"""A key's entry means the same to whoever writes it and to whoever reads it."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contracts import gateway
from contracts.documents import document
from host.keys import entries as agent
from lamplighter.keys import entries as cli
from orchestrator.resources import keys as orchestrator

GOLDEN = document("key_entry")
WHOLE: dict[str, Any] = GOLDEN["whole"]
LEAST = {name: WHOLE[name] for name in GOLDEN["least"]}
EXPIRES = datetime(2027, 1, 1, tzinfo=UTC)
LIMITS = {name: WHOLE[name] for name in cli.Limits.__dataclass_fields__}


@pytest.fixture(autouse=True)
def golden_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_bytes", lambda _: bytes.fromhex(WHOLE["salt"]))


def by_cli() -> dict[str, Any]:
    return cli.entry("alice", GOLDEN["key"], cli.Limits(**LIMITS), EXPIRES)


def by_orchestrator() -> dict[str, Any]:
    return orchestrator.entry("alice", GOLDEN["key"])


def by_gateway() -> dict[str, Any]:
    return gateway.entry("alice", GOLDEN["key"], **LIMITS, expires=WHOLE["expires"])


WRITERS = [by_cli, by_orchestrator, by_gateway]


def read_by_gateway(folder: Path, *entries: dict[str, Any]) -> int:
    """Return how many keys the gateway takes out of a file with these."""
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": entries}))
    return len(gateway.read_keys(path))


def test_the_cli_writes_the_golden_entry() -> None:
    assert by_cli() | {"not_before": WHOLE["not_before"], "foreign": False} == WHOLE


@pytest.mark.parametrize("write", WRITERS)
def test_what_is_written_has_the_golden_hash_and_no_other_fields(write: Any) -> None:
    written = write()

    assert written.keys() <= WHOLE.keys()
    assert {name: written[name] for name in LEAST} == LEAST


@pytest.mark.parametrize("write", WRITERS)
def test_every_reader_takes_what_is_written(write: Any, tmp_path: Path) -> None:
    written = json.dumps([write()])

    assert agent.parse("alice", written) == [write()]
    assert cli.parse(written) == [write()]
    assert read_by_gateway(tmp_path, write()) == 1


@pytest.mark.parametrize("entry", [WHOLE, LEAST], ids=["whole", "least"])
def test_every_reader_takes_the_golden_entry(entry: dict[str, Any], tmp_path: Path) -> None:
    assert agent.parse("alice", json.dumps([entry])) == [entry]
    assert cli.parse(json.dumps([entry])) == [entry]
    assert cli.Limits.of(entry).priority == entry.get("priority", cli.STANDARD)
    assert read_by_gateway(tmp_path, entry, entry) == 2


@pytest.mark.parametrize("case", GOLDEN["damaged"])
def test_what_the_gateway_would_refuse_never_reaches_its_file(case: str, tmp_path: Path) -> None:
    damaged = WHOLE | GOLDEN["damaged"][case]

    with pytest.raises(gateway.InvalidKeysFile):
        read_by_gateway(tmp_path, damaged)
    with pytest.raises(agent.Damaged):
        agent.parse(damaged["id"], json.dumps([damaged]))


@pytest.mark.parametrize("field", GOLDEN["least"])
def test_an_entry_that_lacks_what_it_needs_is_refused(field: str, tmp_path: Path) -> None:
    damaged = {name: value for name, value in WHOLE.items() if name != field}

    with pytest.raises(gateway.InvalidKeysFile):
        read_by_gateway(tmp_path, damaged)
    with pytest.raises(agent.Damaged):
        agent.parse("alice", json.dumps([damaged]))
