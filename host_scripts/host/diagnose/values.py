"""Read facts of any shape: some are missing, some come from programs that failed."""

from __future__ import annotations

import math
from typing import Any


def at(value: Any, *names: str) -> Any:
    """Return the value at that path, or None."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def lines(value: Any) -> list[str]:
    """Return a text's lines: texts.safe makes a list of several, and a string of one."""
    if isinstance(value, str):
        return [value] if value else []
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def spoken(value: Any) -> str:
    """Return a text of any number of lines as part of a sentence."""
    return " | ".join(lines(value)) or str(value)


def number(value: Any) -> float | None:
    """Return it as a number; programs also print text, and `[N/A]` for none."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
