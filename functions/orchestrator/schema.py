"""Parse a document into frozen dataclasses whose fields carry their own JSON Schema.

One description serves three readers: the parser here, editors (spec.schema.json) and the README's
table. Only the keywords used by the specification are understood: type, enum, pattern, minimum,
maximum, minItems, maxItems, maxProperties, items, additionalProperties.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

Schema = dict[str, Any]
Problem = str

_KINDS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def option(default: Any = MISSING, *, about: str, **schema: Any) -> Any:
    """A dataclass field: its default (none: required), its schema, and a sentence about it."""
    metadata = {"schema": {"description": about, **schema}}
    if isinstance(default, list | dict):
        return dataclasses.field(
            default_factory=lambda: _frozen(default), metadata={**metadata, "default": default}
        )
    if default is MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def section(cls: type[Any], *, about: str) -> Any:
    """A dataclass field that holds another such dataclass, all of it optional."""
    return dataclasses.field(default_factory=cls, metadata={"schema": {"description": about}})


def parse(cls: type[Any], document: Any, path: str, problems: list[Problem]) -> Any:
    """Return a `cls` made of `document`; append one sentence per problem, naming its path."""
    if not isinstance(document, dict):
        problems.append(f"{path or 'the specification'}: must be a mapping of keys to values")
        return None
    known = {field.name: field for field in fields(cls)}
    problems += [_unknown(path, key, list(known)) for key in document if key not in known]
    values = {}
    for name, field in known.items():
        if name in document:
            values[name] = _value(
                _nested(cls, name), field, document[name], _join(path, name), problems
            )
        elif field.default is MISSING and field.default_factory is MISSING:
            problems.append(f"{_join(path, name)}: missing; {_allowed(field.metadata['schema'])}")
    return None if problems else cls(**values)


def describe(cls: type[Any]) -> Schema:
    """Return the JSON Schema (draft 2020-12) of `cls`."""
    properties = {}
    for field in fields(cls):
        nested = _nested(cls, field.name)
        schema = {**field.metadata["schema"], **(describe(nested) if nested else {})}
        if not nested and field.default is not MISSING:
            schema["default"] = field.default
        elif "default" in field.metadata:
            schema["default"] = field.metadata["default"]
        properties[field.name] = schema
    required = [
        f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
    ]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **({"required": required} if required else {}),
    }


def plain(value: Any) -> Any:
    """Return `value` as JSON types (a frozen mapping becomes a list of pairs)."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _value(
    nested: type[Any] | None, field: Any, value: Any, path: str, problems: list[Problem]
) -> Any:
    if nested:
        return parse(nested, value, path, problems)
    problems += check(field.metadata["schema"], value, path)
    return _frozen(value)


def check(schema: Schema, value: Any, path: str) -> Iterator[Problem]:
    """Yield one sentence per way in which `value` breaks `schema`."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    wrong_kind = kinds and not any(_KINDS[kind](value) for kind in kinds)
    if wrong_kind or (value is not None and not _fits(schema, value)):
        yield f"{path}: {value!r} is not allowed; {_allowed(schema)}"
    elif isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from check(schema["items"], item, f"{path}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from check(schema.get("additionalProperties", {}), item, _join(path, key))


def _fits(schema: Schema, value: Any) -> bool:
    return (
        value in schema.get("enum", [value])
        and ("pattern" not in schema or bool(re.fullmatch(schema["pattern"], str(value), re.ASCII)))
        and ("minimum" not in schema or value >= schema["minimum"])
        and ("maximum" not in schema or value <= schema["maximum"])
        and ("minItems" not in schema or len(value) >= schema["minItems"])
        and ("maxItems" not in schema or len(value) <= schema["maxItems"])
        and ("maxProperties" not in schema or len(value) <= schema["maxProperties"])
    )


def _allowed(schema: Schema) -> str:
    if "enum" in schema:
        return "allowed: " + ", ".join(str(choice) for choice in schema["enum"])
    kinds = schema.get("type", "value")
    text = " or ".join(kinds) if isinstance(kinds, list) else kinds
    if "minimum" in schema or "maximum" in schema:
        text += f" from {schema.get('minimum', '-inf')} to {schema.get('maximum', 'any')}"
    if "maxProperties" in schema:
        text += f" of at most {schema['maxProperties']} keys"
    if "maxItems" in schema:
        text += f" of {schema.get('minItems', 0)} to {schema['maxItems']} items"
    return (
        f"allowed: {text} ({schema['description']})"
        if "description" in schema
        else f"allowed: {text}"
    )


def _unknown(path: str, key: Any, known: list[str]) -> Problem:
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(known)
    return f"{_join(path, str(key))}: unknown key; {hint}"


def _nested(cls: type[Any], name: str) -> type[Any] | None:
    hint = get_type_hints(cls)[name]
    return hint if isinstance(hint, type) and is_dataclass(hint) else None


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((key, _frozen(item)) for key, item in value.items()))
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
