"""The keys file: its format, and the errors about a wrong entry.

An error says which entry and what is allowed there, never what the file holds: no part of a key may
reach a log.
"""

import math
import os
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.core.caller import NO_LIMITS, Caller, Limits
from gateway.core.priority import CLASSES, Class

_SALT_BYTES = 16
_LARGEST_LIMIT = 10**12  # larger ones are none in practice, and floats can hold this one
_END_OF_TIME = 253_402_300_799.0  # the last second that a datetime can hold in UTC
_ANYTHING_OURS = re.compile(r"-[A-Za-z0-9]{43,}")  # what follows `sk-<id>`: 256 bits and more
_PLACE = re.compile(r"\$(?:\.keys(?:\[(?P<index>\d+)\])?)?(?:\.(?P<field>[a-z0-9_]+))?")
_BYTE = re.compile(r"\(byte (\d+)\)")

Limit = Annotated[int, Meta(gt=0)] | None


class InvalidKeysFile(Exception):
    """Which file, which entry, which field, and what it takes; never what it holds."""


class _Key(Struct, forbid_unknown_fields=True):
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
    salt: Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{2}){16,64}\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    not_before: str | None = None
    expires: str | None = None
    models: tuple[Annotated[str, Meta(min_length=1)], ...] | None = None
    priority: Class = "standard"
    requests_per_minute: Limit = None
    tokens_per_minute: Limit = None
    concurrency: Limit = None
    tokens_per_day: Limit = None
    foreign: bool = False


class _Document(Struct, forbid_unknown_fields=True):
    keys: tuple[_Key, ...]


_LIMIT = "a whole number above 0, or null"
_TIME = "a time with its zone such as 2026-11-23T00:00:00Z, or null"
_TAKES = {
    "id": "1 to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit",
    "salt": "16 to 64 bytes in lower-case hex",
    "sha256": "64 lower-case hex digits",
    "not_before": _TIME,
    "expires": _TIME,
    "models": "a list of names, or null",
    "priority": f"one of {', '.join(CLASSES)}",
    "requests_per_minute": _LIMIT,
    "tokens_per_minute": _LIMIT,
    "concurrency": _LIMIT,
    "tokens_per_day": _LIMIT,
    "foreign": "true or false",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One key: `begins` and `ends` are seconds since the epoch."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    caller: Caller
    begins: float = 0.0
    ends: float = math.inf
    foreign: bool = False

    def why_invalid(self, now: float) -> str:
        """Return why it is not valid now; only its holder may see it."""
        if now < self.begins:
            return f"The API key is not valid before {_iso(self.begins)}."
        return f"The API key has expired at {_iso(self.ends)}."


def read(path: Path) -> list[Entry]:
    """Return the entries of the file. Raises InvalidKeysFile."""
    try:
        return [_entry(index, key) for index, key in enumerate(_decode(path.read_bytes()))]
    except OSError as error:
        raise InvalidKeysFile(f"{path} cannot be read: {type(error).__name__}") from error
    except InvalidKeysFile as error:
        raise InvalidKeysFile(f"{path}: {error}") from None


def stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes when the file does; None while there is none."""
    try:
        facts = os.stat(path)  # noqa: PTH116 -- once a second, and half the time of Path's
    except OSError:
        return None
    return (facts.st_mtime_ns, facts.st_size, facts.st_ino)


def new_entry(key_id: str, key: str, **more: Any) -> dict[str, Any]:
    """Return the entry to write for a key, with a new salt; `more` are its other fields."""
    salt = secrets.token_bytes(_SALT_BYTES)
    ours = key.startswith("sk-") and _ANYTHING_OURS.fullmatch(key.removeprefix(f"sk-{key_id}"))
    hashed = {"salt": salt.hex(), "sha256": sha256(salt + key.encode()).hexdigest()}
    return {"id": key_id, **hashed, **({} if ours else {"foreign": True}), **more}


def _decode(content: bytes) -> tuple[_Key, ...]:
    if not content.strip():
        raise InvalidKeysFile("it is empty")
    try:
        return msgspec.json.decode(content, type=_Document).keys
    except msgspec.ValidationError as error:
        raise InvalidKeysFile(_explained(str(error))) from None  # the cause would repeat content
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidKeysFile(f"it is no JSON{_line(content, str(error))}") from None


def _explained(message: str) -> str:
    """Say where msgspec found something wrong and what may stand there."""
    place = _PLACE.search(message.rpartition(" - at `")[2])
    index, named = (place["index"], place["field"]) if place else (None, None)
    if index is None:
        return 'it takes {"keys": [...]} and no other field'
    if named in _TAKES:
        return f"entry {index}: {named} takes {_TAKES[named]}"
    for name, takes in _TAKES.items():
        if message.startswith(f"Object missing required field `{name}`"):
            return f"entry {index}: {name} is missing; it takes {takes}"
    return f"entry {index}: it takes an object with no other fields than {', '.join(_TAKES)}"


def _line(content: bytes, message: str) -> str:
    if found := _BYTE.search(message):
        line = content.count(b"\n", 0, int(found[1])) + 1
        return f" in line {line}"
    return ": it ends too early" if "truncated" in message else ""


def _entry(index: int, key: _Key) -> Entry:
    limits = Limits(
        _bounded(key.requests_per_minute),
        _bounded(key.tokens_per_minute),
        _bounded(key.concurrency),
        _bounded(key.tokens_per_day),
    )
    models = None if key.models is None else frozenset(key.models)
    return Entry(
        salt=bytes.fromhex(key.salt),
        digest=bytes.fromhex(key.sha256),
        caller=Caller(
            key.id,
            models,
            CLASSES.index(key.priority),
            NO_LIMITS if limits == NO_LIMITS else limits,
        ),
        begins=_seconds(index, "not_before", key.not_before, 0.0),
        ends=_seconds(index, "expires", key.expires, math.inf),
        foreign=key.foreign,
    )


def _seconds(index: int, name: str, time: str | None, default: float) -> float:
    if time is None:
        return default
    try:
        instant = datetime.fromisoformat(time)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidKeysFile(f"entry {index}: {name} takes {_TAKES[name]}")
    return min(max(instant.timestamp(), 0.0), _END_OF_TIME)


def _bounded(limit: int | None) -> int | None:
    return None if limit is None else min(limit, _LARGEST_LIMIT)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
