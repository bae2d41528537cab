"""Fields of frozen dataclasses that carry their own JSON Schema."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from orchestrator.masking import hidden, shown
from orchestrator.spec.schema.values import Hint, Reader, kinds, no_hint


def option(
    default: Any = MISSING,
    *,
    about: str,
    hint: Hint = no_hint,
    secret: bool = False,
    **schema: Any,
) -> Any:
    """A dataclass field: its default (none: required), its schema, and a sentence about it.

    hint: returns what to write in place of a refused text; None when it does not know.
    secret: a refused value may be a secret where its name was asked for; messages never show it.
    """
    kind = {"type": "string"} if "enum" in schema else {}
    described = {"description": about, **kind, **schema}
    reader = Reader(described, hint, hidden if secret else shown)
    metadata = {"reader": reader}
    if isinstance(default, list | dict):
        return dataclasses.field(
            default_factory=lambda: frozen(default), metadata={**metadata, "default": default}
        )
    if default is MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def section(cls: type[Any], *, about: str) -> Any:
    """A dataclass field that holds another such dataclass, all of it optional."""
    reader = Reader({"description": about})
    return dataclasses.field(default_factory=cls, metadata={"reader": reader})


def sections(cls: type[Any], *, about: str, **schema: Any) -> Any:
    """A dataclass field that holds a list of such dataclasses, none by default."""
    reader = Reader({"description": about, "type": "array", **schema})
    metadata = {"reader": reader, "items": cls, "default": []}
    return dataclasses.field(default=(), metadata=metadata)


def required(cls: type[Any]) -> list[str]:
    return [
        field.name
        for field in fields(cls)
        if field.default is MISSING and field.default_factory is MISSING
    ]


def nested_class(cls: type[Any], name: str) -> type[Any] | None:
    hint = _types(cls)[name]  # type: ignore[arg-type] # mypy takes no class for a Hashable
    return hint if isinstance(hint, type) and is_dataclass(hint) else None


@cache
def _types(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)


def plain(value: Any) -> Any:
    """Return `value` as JSON types; a frozen mapping is one again where its field is one."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain_field(field, getattr(value, field.name)) for field in fields(value)
        }
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _plain_field(field: dataclasses.Field[Any], value: Any) -> Any:
    is_mapping = "object" in kinds(field.metadata["reader"].schema)
    return dict(value) if is_mapping and isinstance(value, tuple) else plain(value)


def frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, frozen(value[key])) for key in sorted(value, key=str))
    return tuple(frozen(item) for item in value) if isinstance(value, list) else value
