"""Who asks? The key is compared with the deployment's entries in SSM, as its gateway would.

An entry is of the gateway's keys file (tests/contracts/key_entry.json): a salted hash, never a key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.waking import refusals

_KEPT_SECONDS = 30.0  # a revoked key wakes nothing after so long
_KEPT_NAMES = 100

Entry = dict[str, Any]


@dataclass(slots=True)
class Known:
    """The entries that this sandbox has read, by deployment, with the time of reading."""

    entries: dict[str, tuple[datetime, list[Entry]]] = field(default_factory=dict, repr=False)


def identify(clients: Clients, known: Known, deployment: str | None, key: str) -> str:
    """Return the id of the key. Raises Refusal: no such key, or one that is not valid now.

    deployment: None where there is none of that name. Every entry is compared, and without any a
    false one: how long that takes tells little of them.
    """
    entries, now = _entries(clients, known, deployment) if deployment else [], clients.now()
    fitting = [each for each in entries or [_NONE] if _fits(each, key)]
    for each in fitting:
        if _begins(each) <= now < _ends(each):
            return str(each["id"])
    if fitting:
        raise refusals.unknown_key("The API key is not valid now: it has expired, or begins later.")
    raise refusals.unknown_key()


def _entries(clients: Clients, known: Known, deployment: str) -> list[Entry]:
    now = clients.now()
    read_at, entries = known.entries.get(deployment, (None, []))
    if read_at and (now - read_at).total_seconds() < _KEPT_SECONDS:
        return entries
    entries = _read(clients, deployment)
    if len(known.entries) >= _KEPT_NAMES:
        known.entries.clear()
    known.entries[deployment] = (now, entries)
    return entries


def _read(clients: Clients, deployment: str) -> list[Entry]:
    pages = clients.ssm.get_paginator("get_parameters_by_path").paginate(
        Path=naming.keys_path(deployment)
    )
    texts = [found["Value"] for page in pages for found in page["Parameters"]]
    return [entry for text in texts for entry in _parsed(text) if _is_whole(entry)]


def _parsed(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _is_whole(entry: Any) -> bool:
    """Return whether it can be compared with; what is damaged admits no caller."""
    try:
        bytes.fromhex(entry["salt"])
        _begins(entry), _ends(entry)
    except (KeyError, TypeError, ValueError):
        return False
    return isinstance(entry.get("id"), str) and isinstance(entry.get("sha256"), str)


def _fits(entry: Entry, key: str) -> bool:
    """Return whether it is the entry's key; one of our form is compared by its id as well."""
    salted = bytes.fromhex(entry["salt"]) + key.encode("utf-8", "surrogatepass")
    is_equal = hmac.compare_digest(hashlib.sha256(salted).hexdigest(), entry["sha256"])
    named = key.startswith(f"sk-{entry['id']}-")
    return is_equal and (named or bool(entry.get("foreign")))


def _begins(entry: Entry) -> datetime:
    return _moment(entry.get("not_before"), datetime.min.replace(tzinfo=UTC))


def _ends(entry: Entry) -> datetime:
    return _moment(entry.get("expires"), datetime.max.replace(tzinfo=UTC))


def _moment(at: str | None, otherwise: datetime) -> datetime:
    """Raise ValueError for a time without its zone."""
    if at is None:
        return otherwise
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment


_NONE: Entry = {"id": "", "salt": "00" * 16, "sha256": "00" * 32}
