"""Judge one value by its schema, and say in a sentence what is wrong with it.

Only the keywords used by the specification are understood: type, enum, pattern, maxLength,
minimum, maximum, minItems, maxItems, uniqueItems, items, maxProperties, propertyNames,
additionalProperties; examples are shown in messages. A pattern is written without anchors and
fits the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.masking import join, masked, shown

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


def no_hint(_: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Reader:
    """Judges one value; hint and quote make the sentences about it."""

    schema: Schema
    hint: Hint = no_hint
    quote: Callable[[Any], str] = shown

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield a problem per way in which `value` breaks the schema."""
        if not is_of_kind(self.schema, value):
            yield self._refused(value, path, _wrong_kind(self.schema, value))
        elif value is None and "null" in kinds(self.schema):
            return
        elif not _fits(self.schema, value):
            advice = self._advice(value)
            yield self._refused(value, path, f"is not allowed; {advice}" if advice else None)
        elif isinstance(value, list):
            yield from self._items(value, path)
        elif isinstance(value, dict):
            yield from self._entries(value, path)

    def _refused(self, value: Any, path: str, why: str | None) -> Problem:
        refusal = f"{self.quote(value)} {why or 'is not allowed'}"
        return Problem(path, f"{refusal}; {allowed(self.schema)}")

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
                yield Problem(join(path, key), f"this key is not allowed; {allowed(names)}")
            yield from inner.check(item, join(path, key))


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
    if "string" not in kinds(schema):
        return None
    if isinstance(value, bool):
        return (
            "is a boolean, as YAML reads yes, no, on and off too; if it is text, put it in quotes"
        )
    return "is a number; if it is text, put it in quotes" if _KINDS["number"](value) else None


def is_of_kind(schema: Schema, value: Any) -> bool:
    return any(_KINDS[kind](value) for kind in kinds(schema))


def kinds(schema: Schema) -> list[str]:
    found = schema.get("type", list(_KINDS))
    return [found] if isinstance(found, str) else found


def allowed(schema: Schema) -> str:
    if "enum" in schema:
        return "allowed: " + ", ".join(schema["enum"])
    text = " or ".join(_WORDS.get(kind, kind) for kind in kinds(schema))
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
