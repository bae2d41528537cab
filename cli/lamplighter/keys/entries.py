"""API keys, and the entries of the gateway's keys file that stand for them.

One SSM parameter holds the entries of one key id, in exactly the file's format: two of them while
a rotation overlaps. An entry holds a salted hash, never the key.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PRIORITIES = ("interactive", "standard", "batch")
STANDARD = "standard"
_ALPHABET = string.ascii_letters + string.digits
_LETTERS = 43  # of 62: 256 bits
_SALT_BYTES = 16

Entry = dict[str, Any]


class Damaged(ValueError):
    """The text is no list of entries."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may do; None is no limit. models: names that it may ask for."""

    priority: str = STANDARD
    models: list[str] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    tokens_per_day: int | None = None

    @classmethod
    def of(cls, entry: Entry) -> Limits:
        return cls(**{name: entry[name] for name in cls.__dataclass_fields__ if name in entry})


@dataclass(frozen=True, slots=True)
class Grant:
    """A fresh key with its entry; only here is the key itself."""

    key: str = field(repr=False)
    entry: Entry = field(repr=False)


def grant(key_id: str, limits: Limits, expires: datetime | None) -> Grant:
    """Return a new key of 256 random bits; it contains its id, so that one hash proves it."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    key = f"sk-{key_id}-{secret}"
    return Grant(key, entry(key_id, key, limits, expires))


def entry(
    key_id: str, key: str, limits: Limits | None = None, expires: datetime | None = None
) -> Entry:
    """Return the entry of a key: sha256 is of the salt's bytes and the key."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return {
        "id": key_id,
        "salt": salt.hex(),
        "sha256": hashlib.sha256(salt + key.encode()).hexdigest(),
        "not_before": None,
        "expires": None if expires is None else stamp(expires),
        **asdict(limits or Limits()),
    }


def rotated(entries: list[Entry], fresh: Entry, overlap: timedelta, now: datetime) -> list[Entry]:
    """Return the entries, the fresh one last; the others end after the overlap at the latest."""
    end = now + overlap
    kept = [
        old | {"expires": stamp(min(end, ends_at(old) or end))}
        for old in entries
        if overlap and not is_over(old, now)
    ]
    return [*kept, fresh]


def ends_at(found: Entry) -> datetime | None:
    """Return when the entry ends, or None; raise Damaged."""
    expires = found.get("expires")
    try:
        return None if expires is None else datetime.fromisoformat(expires).astimezone(UTC)
    except (TypeError, ValueError):
        raise Damaged(f"expires is {expires!r}") from None


def is_over(found: Entry, now: datetime) -> bool:
    end = ends_at(found)
    return end is not None and end <= now


def stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def parse(value: str) -> list[Entry]:
    """Return the entries of a parameter, at least one; raise Damaged."""
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(e, dict) for e in found):
        raise Damaged("it is no list of entries")
    for one in found:
        ends_at(one)
    return found
