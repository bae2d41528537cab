"""Reads a specification: YAML or JSON, one mapping. What its keys mean the workflow knows."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import yaml

from lamplighter.errors import BadSpec

MAX_BYTES = 65_536
STANDARD_INPUT = "-"
_SHOWN = 20  # characters of a number
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")
_TIME_OF_DAY = re.compile(r"[0-2][0-9]:[0-5][0-9]")
_OPTION = re.compile(r"[a-z][a-z_]{0,40}")
_KINDS = {list: "a list", int: "a number", float: "a number", bool: "true or false"}
# PyYAML's words, and ours.
_ADVICE = {
    r"'\t' that cannot start any token": "a tab is not allowed here; YAML is indented with spaces",
    "but found another document": "a second document begins (---); one file holds one deployment",
    "could not determine a constructor": "tags (!...) are not supported; write the plain value",
}


def read(path: str) -> dict[str, Any]:
    """Return the document of a file, or of standard input for `-`; raise BadSpec with the place."""
    shown = "<stdin>" if path == STANDARD_INPUT else path
    document = _parse(_text(path, shown), shown)
    if not isinstance(document, dict):
        found = "it is empty" if document is None else f"it is {_KINDS.get(type(document), 'text')}"
        raise BadSpec(f"{shown}: the top level must be a mapping, like `name: prod`; {found}")
    return document


def _text(path: str, shown: str) -> str:
    try:
        content = _content(path)
        if len(content) > MAX_BYTES:
            raise BadSpec(f"{shown}: larger than {MAX_BYTES} bytes: this is not a specification")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise BadSpec(f"{shown}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadSpec(
            f"{shown}: not UTF-8 text (byte {error.start}); save it with the encoding UTF-8"
        ) from None


def _content(path: str) -> bytes:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(path).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _parse(text: str, shown: str) -> Any:
    try:
        return _document(text, shown)
    except json.JSONDecodeError as error:
        raise BadSpec(f"{shown}:{error.lineno}:{error.colno}: {error.msg}") from None
    except yaml.MarkedYAMLError as error:
        raise BadSpec(f"{shown}:{_place(error)}: {_what(error)}") from None
    except yaml.reader.ReaderError as error:
        raise BadSpec(
            f"{shown}: the character U+{error.character:04X} is not allowed in YAML "
            f"(character {error.position + 1}); remove it"
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise BadSpec(f"{shown}: {error}") from None
    except RecursionError:
        raise BadSpec(f"{shown}: nested too deeply") from None


def _document(text: str, shown: str) -> Any:
    """A YAML file may begin with a brace, too: `{name: prod}`."""
    if text.lstrip().startswith("{"):
        try:
            return _json(text)
        except json.JSONDecodeError:
            if not shown.endswith((".yaml", ".yml")):
                raise
    return yaml.load(text, _Loader)  # noqa: S506 a safe loader


def _json(text: str) -> Any:
    return json.loads(
        text,
        object_pairs_hook=_unique,
        parse_constant=_refuse_constant,
        parse_int=_integer,
        parse_float=_float,
    )


def _integer(text: str) -> int:
    """Raise ValueError for what is no decimal number: YAML reads 010 as 8 and 1:30 as 90."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(
            f"{text[:_SHOWN]} is no decimal number of at most 18 digits; "
            "write one, or put it in quotes if it is text"
        )
    return int(text)


def _float(text: str) -> float:
    value = float(text) if _FLOAT.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text[:_SHOWN]} is not a number; if it is text, put it in quotes")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"{_named(key)} is there twice; keep one")
        document[key] = value
    return document


def _named(key: str) -> str:
    """A key that looks like no option may be a secret in the wrong place: it is not repeated."""
    return f"the key {key!r}" if _OPTION.fullmatch(key) else "a key"


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a number; write one")


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"


def _what(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    advice = next((advice for words, advice in _ADVICE.items() if words in problem), None)
    if advice:
        return advice
    return " ".join(part for part in (problem, error.context) if part)


class _Loader(yaml.SafeLoader):
    """Safe YAML that maps onto JSON one to one: no aliases, dates, NaN, or repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()  # type: ignore[no-untyped-call]
            raise _refusal("aliases (*name) are not supported", alias.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 PyYAML's signature
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise _refusal("merge keys (<<) are not supported: write it out", key.start_mark)
            if key.value == "on":  # a key of ours, which YAML 1.1 reads as true
                key.tag = "tag:yaml.org,2002:str"
            if key.tag != "tag:yaml.org,2002:str":
                raise _refusal("a key must be text: put it in quotes", key.start_mark)
            if key.value in seen:
                first = f"{_named(key.value)} is there twice, first in line {seen[key.value]}"
                raise _refusal(f"{first}; keep one", key.start_mark)
            seen[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


def _refusal(problem: str, mark: yaml.Mark) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=mark)


def _number(read: Callable[[str], float]) -> Callable[[_Loader, yaml.ScalarNode], float]:
    """YAML 1.1 reads 010 as 8, 1:30 as 90 and 1_0 as 10, all of which JSON does not know."""

    def construct(_: _Loader, node: yaml.ScalarNode) -> float:
        try:
            return read(node.value)
        except ValueError as error:
            raise _refusal(str(error), node.start_mark) from None

    return construct


def _integer_or_time(loader: _Loader, node: yaml.ScalarNode) -> float | str:
    """A time of day is text, as YAML 1.2 and JSON have it: 20:00 would be 1200."""
    if _TIME_OF_DAY.fullmatch(node.value):
        return str(node.value)
    return _number(_integer)(loader, node)


def _text_of(loader: _Loader, node: yaml.ScalarNode) -> str:
    """A date is text here, as it would be in JSON."""
    return str(loader.construct_scalar(node))


def _foreign(_loader: _Loader, node: yaml.Node) -> None:
    raise _refusal(f"{node.tag} has no JSON form", node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer_or_time)
_Loader.add_constructor("tag:yaml.org,2002:float", _number(_float))
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text_of)
for _kind in ("binary", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _foreign)
