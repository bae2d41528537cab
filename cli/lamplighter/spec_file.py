"""Reads a specification: YAML or JSON, one mapping. What its keys mean the workflow knows."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lamplighter.errors import BadSpec

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_BYTES = 65_536
STANDARD_INPUT = "-"


def read(path: str) -> dict[str, Any]:
    """Return the document of a file, or of standard input for `-`; raise BadSpec with the place."""
    shown = "<stdin>" if path == STANDARD_INPUT else path
    document = _parse(_text(path, shown), shown)
    if not isinstance(document, dict):
        raise BadSpec(f"{shown}: the top level must be a mapping, like `name: prod`")
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
        raise BadSpec(f"{shown}: not UTF-8 text (byte {error.start})") from None


def _content(path: str) -> bytes:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(path).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _parse(text: str, shown: str) -> Any:
    try:
        return _json(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506 a safe loader
    except json.JSONDecodeError as error:
        raise BadSpec(f"{shown}:{error.lineno}:{error.colno}: {error.msg}") from None
    except yaml.MarkedYAMLError as error:
        raise BadSpec(f"{shown}:{_place(error)}: {_what(error)}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise BadSpec(f"{shown}: {error}") from None
    except RecursionError:
        raise BadSpec(f"{shown}: nested too deeply") from None


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"the key {key!r} is there twice")
        document[key] = value
    return document


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"


def _what(error: yaml.MarkedYAMLError) -> str:
    return " ".join(part for part in (error.problem, error.context) if part)


class _Loader(yaml.SafeLoader):
    """Safe YAML that maps onto JSON one to one: no aliases, dates, NaN, or repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()  # type: ignore[no-untyped-call]
            raise _refusal("aliases (*name) are not supported", alias.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 PyYAML's signature
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _refusal("a key must be text: put it in quotes", key.start_mark)
            if key.value in seen:
                raise _refusal(f"the key {key.value!r} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _refusal(problem: str, mark: yaml.Mark) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=mark)


def _finite(loader: _Loader, node: yaml.ScalarNode) -> float:
    value = loader.construct_yaml_float(node)
    if not math.isfinite(value):
        raise _refusal(f"{node.value} is not a number", node.start_mark)
    return value


def _text_of(loader: _Loader, node: yaml.ScalarNode) -> str:
    """A date is text here, as it would be in JSON."""
    return str(loader.construct_scalar(node))


def _foreign(_loader: _Loader, node: yaml.Node) -> None:
    raise _refusal(f"{node.tag} has no JSON form", node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:float", _finite)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text_of)
for _kind in ("binary", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _foreign)
