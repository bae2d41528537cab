"""Check an entry of the gateway's keys file.

The gateway takes its file whole or not at all, so one bad entry would block every later change.
Times are ISO-8601 with a zone; None is no limit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

Entry = dict[str, Any]

PRIORITIES = ("interactive", "standard", "batch")
_LARGEST = 10**12
_REQUIRED = {"id", "salt", "sha256"}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SALT = re.compile(r"(?:[0-9a-f]{2}){16,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?(?:Z|[+-]\d\d:\d\d)")


class Damaged(Exception):
    """What is wrong with a parameter's value; the value itself is not repeated."""


def parse(key_id: str, value: str) -> list[Entry]:
    """Return the entries of one id, at least one; raise Damaged."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        raise Damaged("it is no JSON") from None
    if not isinstance(found, list) or not found:
        raise Damaged("it is no list of entries")
    for entry in found:
        if problem := _problem(entry, key_id):
            raise Damaged(problem)
    return found


def _problem(entry: Any, key_id: str) -> str | None:
    if not isinstance(entry, dict):
        return "an entry is no object"
    if entry.get("id") != key_id:
        return "an entry has another id"
    if unknown := entry.keys() - _FIELDS.keys():
        return f"an entry has {len(unknown)} fields that the gateway does not know"
    if missing := _REQUIRED - entry.keys():
        return f"an entry lacks its {min(missing)}"
    wrong = [field for field, value in entry.items() if not _FIELDS[field](value)]
    return f"an entry's {wrong[0]} is wrong" if wrong else None


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and bool(pattern.fullmatch(value))


def _is_time(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))  # noqa: FURB162 - Python 3.10 reads no Z
    except ValueError:
        return False
    return True


def _is_limit(value: Any) -> bool:
    return value is None or (type(value) is int and 0 < value <= _LARGEST)


def _are_models(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(name, str) and name for name in value)
    )


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "id": _matches(_ID),
    "salt": _matches(_SALT),
    "sha256": _matches(_SHA256),
    "not_before": _is_time,
    "expires": _is_time,
    "models": _are_models,
    "priority": lambda value: value in PRIORITIES,
    "requests_per_minute": _is_limit,
    "tokens_per_minute": _is_limit,
    "concurrency": _is_limit,
    "tokens_per_day": _is_limit,
    "foreign": lambda value: type(value) is bool,
}
