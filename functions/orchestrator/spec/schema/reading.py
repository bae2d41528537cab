"""Read a document into such a dataclass; every mistake is found, not only the first."""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any

from orchestrator.masking import join, shown
from orchestrator.spec.schema.fields import frozen, nested_class, required
from orchestrator.spec.schema.values import Problem, Schema, allowed, is_of_kind, kinds


def read(cls: type[Any], document: Any, path: str, problems: list[Problem]) -> Any:
    """Return a `cls` made of `document`; append the problems, each with its path.

    What is wrong or missing has its default (None without one); a list or mapping keeps its wrong
    items. Such values serve to find further problems only.
    """
    if not isinstance(document, dict):
        keys = ", ".join(field.name for field in fields(cls))
        remedy = "leave it out, or give it some of" if path else "known"
        text = f"must be a mapping of keys to values, not {shown(document)}; {remedy}: {keys}"
        problems.append(Problem(path, text))
        return cls(**dict.fromkeys(required(cls)))
    known = {field.name: field for field in fields(cls)}
    problems += [_unknown(cls, path, key) for key in document if key not in known]
    values: dict[str, Any] = dict.fromkeys(required(cls))
    for name, field in known.items():
        reader, nested, inner = field.metadata["reader"], nested_class(cls, name), join(path, name)
        if name not in document:
            if name in values:
                problems.append(Problem(inner, f"missing; {allowed(reader.schema)}"))
        elif nested:
            values[name] = read(nested, document[name], inner, problems)
        elif (items := field.metadata.get("items")) and isinstance(document[name], list):
            problems += reader.check(document[name], inner)
            values[name] = tuple(
                read(items, each, f"{inner}[{number}]", problems)
                for number, each in enumerate(document[name])
            )
        elif found := list(reader.check(document[name], inner)):
            problems += found
            if _has_items(reader.schema, document[name]):
                values[name] = frozen(document[name])
        else:
            values[name] = _converted(reader.schema, document[name])
    return cls(**values)


def _converted(schema: Schema, value: Any) -> Any:
    return int(value) if isinstance(value, float) and "integer" in kinds(schema) else frozen(value)


def _has_items(schema: Schema, value: Any) -> bool:
    return isinstance(value, list | dict) and is_of_kind(schema, value)


def _unknown(cls: type[Any], path: str, key: Any) -> Problem:
    known = [field.name for field in fields(cls)]
    sections = {name: inner for name in known if (inner := nested_class(cls, name))}
    under = [name for name, inner in sections.items() if key in [f.name for f in fields(inner)]]
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.6)
    if under:
        return Problem(join(path, key), f"unknown key here; write it under {' or '.join(under)}")
    hint = f"did you mean {near[0]!r}? " if near else ""
    return Problem(join(path, key), f"unknown key; {hint}known: {', '.join(known)}")
