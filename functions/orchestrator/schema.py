"""Parse a document into frozen dataclasses whose fields carry their own JSON Schema.

One description serves three readers: the parser here, editors (spec.schema.json) and the README's
table. Only the keywords used by the specification are understood: type, enum, pattern, maxLength,
minimum, maximum, minItems, maxItems, uniqueItems, items, maxProperties, propertyNames,
additionalProperties; examples are shown in messages.

A pattern is written without anchors and fits the whole text; `describe` publishes it anchored.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any, get_type_hints

from orchestrator.masking import hidden, join, masked, shown

Schema = dict[str, Any]
Hint = Callable[[str], str | None]

_KINDS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    # 2.0 is an integer in JSON Schema and in JSONata, and so it is here.
    "integer": lambda value: (
        value.is_integer() if isinstance(value, float) else _KINDS["number"](value)
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
_WORDS = {
    "string": "text",
    "boolean": "true or false, without quotes",
    "array": "list",
    "object": "mapping",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of the user's: where it is (`engine.port`; empty: the document), and what."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path or 'the specification'}: {self.text}"


def _no_hint(_: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Judges one value; hint and quote make the sentences about it."""

    schema: Schema
    hint: Hint = _no_hint
    quote: Callable[[Any], str] = shown

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield a problem per way in which `value` breaks the schema."""
        if not any(_KINDS[kind](value) for kind in _kinds(self.schema)):
            yield self._refused(value, path, _wrong_kind(self.schema, value))
        elif value is None and "null" in _kinds(self.schema):
            return
        elif not _fits(self.schema, value):
            advice = self._advice(value)
            yield self._refused(value, path, f"is not allowed; {advice}" if advice else None)
        elif isinstance(value, list):
            yield from self._items(value, path)
        elif isinstance(value, dict):
            yield from self._entries(value, path)

    def _refused(self, value: Any, path: str, why: str | None) -> Problem:
        told = f"{self.quote(value)} {why or 'is not allowed'}"
        return Problem(path, f"{told}; {_allowed(self.schema)}")

    def _advice(self, value: Any) -> str | None:
        """What to write instead; never made of a text that looks secret."""
        if not isinstance(value, str) or (self.quote is shown and masked(value) != value):
            return None
        lower = value.lower()
        as_lower = f"write {lower}" if lower != value and _fits(self.schema, lower) else None
        return self.hint(value) or as_lower

    def _items(self, values: list[Any], path: str) -> Iterator[Problem]:
        inner = replace(self, schema=self.schema.get("items", {}))
        for number, item in enumerate(values):
            yield from inner.check(item, f"{path}[{number}]")
            if self.schema.get("uniqueItems") and item in values[:number]:
                yield Problem(f"{path}[{number}]", f"{self.quote(item)} is there twice")

    def _entries(self, values: dict[Any, Any], path: str) -> Iterator[Problem]:
        inner = replace(self, schema=self.schema.get("additionalProperties", {}))
        names = self.schema.get("propertyNames", {})
        for key, item in values.items():
            if not _fits(names, key):
                yield Problem(join(path, key), f"this key is not allowed; {_allowed(names)}")
            yield from inner.check(item, join(path, key))


def option(
    default: Any = MISSING,
    *,
    about: str,
    hint: Hint = _no_hint,
    secret: bool = False,
    **schema: Any,
) -> Any:
    """A dataclass field: its default (none: required), its schema, and a sentence about it.

    hint: says what to write in place of a text that is refused; None when it has no idea.
    secret: a refused value may be a secret where its name was asked for; messages never show it.
    """
    kind = {"type": "string"} if "enum" in schema else {}
    described = {"description": about, **kind, **schema}
    reader = _Reader(described, hint, hidden if secret else shown)
    metadata = {"reader": reader}
    if isinstance(default, list | dict):
        return dataclasses.field(
            default_factory=lambda: _frozen(default), metadata={**metadata, "default": default}
        )
    if default is MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def section(cls: type[Any], *, about: str) -> Any:
    """A dataclass field that holds another such dataclass, all of it optional."""
    reader = _Reader({"description": about})
    return dataclasses.field(default_factory=cls, metadata={"reader": reader})


def parse(cls: type[Any], document: Any, path: str, problems: list[Problem]) -> Any:
    """Return a `cls` made of `document`; append the problems, each with its path.

    What is wrong or missing has its default (None without one); a list or mapping keeps its wrong
    items. Such values serve to find further problems only.
    """
    if not isinstance(document, dict):
        told = f"must be a mapping of keys to values, not {shown(document)}"
        told += "; leave it out, or give it some of: " if path else "; known: "
        problems.append(Problem(path, told + ", ".join(field.name for field in fields(cls))))
        return cls(**dict.fromkeys(_required(cls)))
    known = {field.name: field for field in fields(cls)}
    problems += [_unknown(cls, path, key) for key in document if key not in known]
    values: dict[str, Any] = dict.fromkeys(_required(cls))
    for name, field in known.items():
        reader, nested, inner = field.metadata["reader"], _nested(cls, name), join(path, name)
        if name not in document:
            if name in values:
                problems.append(Problem(inner, f"missing; {_allowed(reader.schema)}"))
        elif nested:
            values[name] = parse(nested, document[name], inner, problems)
        elif found := list(reader.check(document[name], inner)):
            problems += found
            if _holds_items(reader.schema, document[name]):
                values[name] = _frozen(document[name])
        else:
            values[name] = _read(reader.schema, document[name])
    return cls(**values)


def describe(cls: type[Any]) -> Schema:
    """Return the JSON Schema (draft 2020-12) of `cls`."""
    properties = {}
    for field in fields(cls):
        nested = _nested(cls, field.name)
        schema = {
            **_published(field.metadata["reader"].schema),
            **(describe(nested) if nested else {}),
        }
        if not nested and field.default is not MISSING:
            schema["default"] = field.default
        elif "default" in field.metadata:
            schema["default"] = field.metadata["default"]
        properties[field.name] = schema
    required = _required(cls)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **({"required": required} if required else {}),
    }


def whole(pattern: str) -> str:
    r"""Return `pattern` as JSON Schema wants it, which searches: `^(?:...)$`.

    In ECMA 262 `$` is the end; in Python it is also before a last line break, hence `(?!\n)`.
    """
    return rf"^(?:{pattern})$(?!\n)"


def plain(value: Any) -> Any:
    """Return `value` as JSON types (a frozen mapping becomes a list of pairs)."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _read(schema: Schema, value: Any) -> Any:
    return (
        int(value) if isinstance(value, float) and "integer" in _kinds(schema) else _frozen(value)
    )


def _holds_items(schema: Schema, value: Any) -> bool:
    return isinstance(value, list | dict) and any(_KINDS[kind](value) for kind in _kinds(schema))


def _fits(schema: Schema, value: Any) -> bool:
    return (
        value in schema.get("enum", [value])
        and ("pattern" not in schema or bool(re.fullmatch(schema["pattern"], str(value))))
        and ("maxLength" not in schema or len(value) <= schema["maxLength"])
        and ("minimum" not in schema or value >= schema["minimum"])
        and ("maximum" not in schema or value <= schema["maximum"])
        and ("minItems" not in schema or len(value) >= schema["minItems"])
        and ("maxItems" not in schema or len(value) <= schema["maxItems"])
        and ("maxProperties" not in schema or len(value) <= schema["maxProperties"])
    )


def _wrong_kind(schema: Schema, value: Any) -> str | None:
    """A bare word of YAML may be no text: `yes` is a boolean, `123` a number."""
    if "string" not in _kinds(schema):
        return None
    if isinstance(value, bool):
        return (
            "is a boolean, as YAML reads yes, no, on and off too; if it is text, put it in quotes"
        )
    return "is a number; if it is text, put it in quotes" if _KINDS["number"](value) else None


def _kinds(schema: Schema) -> list[str]:
    kinds = schema.get("type", list(_KINDS))
    return [kinds] if isinstance(kinds, str) else kinds


def _allowed(schema: Schema) -> str:
    if "enum" in schema:
        return "allowed: " + ", ".join(schema["enum"])
    text = " or ".join(_WORDS.get(kind, kind) for kind in _kinds(schema))
    if "minimum" in schema or "maximum" in schema:
        text += f" from {schema.get('minimum', '-inf')} to {schema.get('maximum', 'any')}"
    if "maxProperties" in schema:
        text += f" of at most {schema['maxProperties']} keys"
    if "maxItems" in schema:
        text += f" of {schema.get('minItems', 0)} to {schema['maxItems']} items"
    if "maxLength" in schema:
        text += f" of at most {schema['maxLength']} characters"
    if "description" in schema:
        text += f" ({schema['description']})"
    return f"allowed: {text}" + (f", e.g. {schema['examples'][0]}" if "examples" in schema else "")


def _unknown(cls: type[Any], path: str, key: Any) -> Problem:
    known = [field.name for field in fields(cls)]
    sections = {name: inner for name in known if (inner := _nested(cls, name))}
    under = [name for name, inner in sections.items() if key in [f.name for f in fields(inner)]]
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.6)
    if under:
        return Problem(join(path, key), f"unknown key here; write it under {' or '.join(under)}")
    hint = f"did you mean {near[0]!r}? " if near else ""
    return Problem(join(path, key), f"unknown key; {hint}known: {', '.join(known)}")


def _published(schema: Schema) -> Schema:
    published = dict(schema)
    if "pattern" in schema:
        published["pattern"] = whole(schema["pattern"])
    for key in ("items", "propertyNames", "additionalProperties"):
        if key in schema:
            published[key] = _published(schema[key])
    return published


def _required(cls: type[Any]) -> list[str]:
    return [
        field.name
        for field in fields(cls)
        if field.default is MISSING and field.default_factory is MISSING
    ]


def _nested(cls: type[Any], name: str) -> type[Any] | None:
    hint = _types(cls)[name]  # type: ignore[arg-type] # mypy takes no class for a Hashable
    return hint if isinstance(hint, type) and is_dataclass(hint) else None


@cache
def _types(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _frozen(value[key])) for key in sorted(value, key=str))
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
