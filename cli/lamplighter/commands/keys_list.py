"""`lamplighter keys list`: every key of a deployment, and what it may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from rich.text import Text

from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.commands.key_options import keyring_of, of_deployment
from lamplighter.keys import entries
from lamplighter.keys.entries import Limits
from lamplighter.keys.keyring import Key
from lamplighter.screens.screen import moment, plain, table

_STYLES = {"active": "green", "expired": "dim", "damaged": "red"}
_UNITS = {
    "requests_per_minute": "requests/min",
    "tokens_per_minute": "tokens/min",
    "concurrency": "at once",
    "tokens_per_day": "tokens/day",
}


@click.command("list", epilog=example("lamplighter keys list prod"))
@of_deployment
@pass_options
def list_(options: Options, deployment: str | None, named: str | None) -> None:
    """Show a deployment's keys and what they may do."""
    keyring = keyring_of(options, deployment, named)
    now = datetime.now(UTC)
    found = [_facts(key, now) for key in keyring.listed()]
    headings = ("NAME", "STATE", "PRIORITY", "LIMITS", "MODELS", "EXPIRES", "CHANGED")
    drawn = table(*headings, rows=map(_row, found), prose=("LIMITS", "MODELS"))
    document = {"deployment": keyring.deployment, "keys": found}
    options.screen().answer(document, drawn if found else plain("no keys"))


def _facts(key: Key, now: datetime) -> dict[str, Any]:
    """Return a key's facts without its hashes. state: active | rotating | expired | damaged."""
    facts: dict[str, Any] = {"id": key.key_id, "state": "damaged"}
    if key.entries:
        newest = key.entries[-1]
        working = sum(not entries.is_over(one, now) for one in key.entries)
        facts["state"] = ("expired", "active", "rotating")[min(working, 2)]
        facts |= asdict(Limits.of(newest)) | {"expires": newest.get("expires")}
    return facts | {"changed": entries.stamp(key.changed)}


def _row(facts: dict[str, Any]) -> Iterator[str | Text]:
    yield facts["id"]
    yield plain(facts["state"], _STYLES.get(facts["state"], "yellow"))
    yield facts.get("priority") or ""
    yield ", ".join(f"{facts[name]} {unit}" for name, unit in _UNITS.items() if facts.get(name))
    yield ", ".join(facts.get("models") or [])
    yield moment(facts.get("expires") or "")
    yield moment(facts["changed"])
