"""A row's values as DynamoDB's typed attributes, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Values = dict[str, Any]


def pack(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return typed attributes; None is no attribute."""
    return {key: _typed(value) for key, value in values.items() if value is not None}


def unpack(item: Any) -> Values:
    return {key: _plain(*next(iter(attribute.items()))) for key, attribute in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if isinstance(value, tuple):
        return {"S": "\n".join(value)}
    return {"S": str(value) if isinstance(value, str) else json.dumps(value, sort_keys=True)}


def _plain(kind: str, value: Any) -> Any:
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    return value
