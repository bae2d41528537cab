"""The JSON Schema (draft 2020-12) of such a dataclass."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from orchestrator.spec.schema.fields import nested_class, required
from orchestrator.spec.schema.values import Schema


def describe(cls: type[Any]) -> Schema:
    """Return the JSON Schema (draft 2020-12) of `cls`."""
    properties = {}
    for field in fields(cls):
        nested = nested_class(cls, field.name)
        schema = {
            **_published(field.metadata["reader"].schema),
            **(describe(nested) if nested else {}),
        }
        if items := field.metadata.get("items"):
            schema["items"] = describe(items)
        if not nested and not items and field.default is not MISSING:
            schema["default"] = field.default
        elif "default" in field.metadata:
            schema["default"] = field.metadata["default"]
        properties[field.name] = schema
    needed = required(cls)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **({"required": needed} if needed else {}),
    }


def whole(pattern: str) -> str:
    r"""Return `pattern` as JSON Schema wants it, which searches: `^(?:...)$`.

    In ECMA 262 `$` is the end; in Python it is also before a last line break, hence `(?!\n)`.
    """
    return rf"^(?:{pattern})$(?!\n)"


def _published(schema: Schema) -> Schema:
    published = dict(schema)
    if "pattern" in schema:
        published["pattern"] = whole(schema["pattern"])
    for key in ("items", "propertyNames", "additionalProperties"):
        if key in schema:
            published[key] = _published(schema[key])
    return published
