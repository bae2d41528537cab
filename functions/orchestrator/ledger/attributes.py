"""A row as Python values and as DynamoDB's typed attributes."""

from __future__ import annotations

import json
from typing import Any

Row = dict[str, Any]


def pack(row: Row) -> dict[str, Any]:
    return {key: _typed(value) for key, value in row.items() if value is not None}


def unpack(item: Any) -> Row:
    return {key: _plain(*next(iter(attribute.items()))) for key, attribute in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    return {"S": value if isinstance(value, str) else json.dumps(value, sort_keys=True)}


def _plain(kind: str, value: Any) -> Any:
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    return value
