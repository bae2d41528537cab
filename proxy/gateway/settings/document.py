"""Read settings from a YAML or JSON document, then from the environment, which wins."""

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec
import yaml
from msgspec import inspect

from gateway.settings.options import PREFIX, Kind, Option, bare, fields, made, nested, reference

CONFIG = PREFIX + "CONFIG"

# Variables that Kubernetes sets for a service called `inference`: no settings of ours.
_SERVICE = re.compile(r"INFERENCE_(.+_)?(SERVICE_(HOST|PORT(_.+)?)|PORT(_\d+_(TCP|UDP).*)?)")
_SWITCH = {"enabled": True, "disabled": False}
_LONGEST_SAID = 100

T = TypeVar("T", bound=msgspec.Struct)


class InvalidSetting(ValueError):
    """One setting, what it holds, and what it may hold."""


def load(cls: type[T], path: Path | None, environment: Mapping[str, str]) -> T:
    """Return a `cls`. Unset and empty variables are ignored.

    Raises InvalidSetting with every setting that is wrong.
    """
    options = {one.name: one for one in reference(cls) if one.name in cls.__struct_fields__}
    reader = _Reader(get_type_hints(cls, include_extras=True), options)
    values = dict(reader.document(path)) if path else {}
    kinds = {field.name: bare(field.type) for field in fields(cls)}
    values |= reader.variables(environment, kinds)
    refuse(reader.wrong)
    return cls(**values)


def refuse(wrong: list[InvalidSetting]) -> None:
    """Raise the mistakes as one InvalidSetting, a line for each; nothing for none."""
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise InvalidSetting("\n  ".join([f"{len(wrong)} settings are wrong:", *map(str, wrong)]))


class _Reader:
    def __init__(self, hints: Mapping[str, Any], options: Mapping[str, Option]) -> None:
        self._hints = hints
        self._options = options
        self.wrong: list[InvalidSetting] = []

    def document(self, path: Path) -> Iterator[tuple[str, Any]]:
        for name, value in _mapping(path).items():
            if name not in self._options:
                self.wrong.append(_unknown(f"{path}: {name}", str(name), self._options))
            else:
                yield from self._converted(name, f"{path}: {name}", value, value)

    def variables(
        self, environment: Mapping[str, str], kinds: Mapping[str, Kind]
    ) -> Iterator[tuple[str, Any]]:
        named = {one.variable: one.name for one in self._options.values() if one.variable}
        for variable, text in environment.items():
            said = text.strip()
            if not said or not _is_ours(variable):
                continue
            if variable not in named:
                self.wrong.append(_unknown(variable, variable, [*named, CONFIG]))
                continue
            name = named[variable]
            if isinstance(kinds[name], inspect.BoolType) and said not in _SWITCH:
                takes = "it takes enabled or disabled"
                self.wrong.append(InvalidSetting(f"{variable} is {_short(said)}, {takes}"))
                continue
            yield from self._converted(name, variable, _parsed(kinds[name], said), said)

    def _converted(
        self, name: str, source: str, value: object, said: object
    ) -> Iterator[tuple[str, Any]]:
        """Yield the setting, unless it is wrong."""
        try:
            yield name, msgspec.convert(value, self._hints[name], dec_hook=made)
        except msgspec.ValidationError as error:
            why = f" ({error})" if isinstance(value, list | dict) else ""
            takes = self._options[name].takes
            self.wrong.append(InvalidSetting(f"{source} is {_short(said)}, it takes {takes}{why}"))


def _mapping(path: Path) -> dict[Any, Any]:
    read: Callable[[str], Any] = msgspec.json.decode if path.suffix == ".json" else yaml.safe_load
    try:
        text = path.read_text("utf-8")
        document = read(text)
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InvalidSetting(f"{path} is not a YAML or JSON document: {reason}") from error
    if not text:
        raise InvalidSetting(f"{path} is empty")  # it is just being written
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise InvalidSetting(f"{path} is {_short(document)}, it takes names of settings and values")
    return document


def _is_ours(variable: str) -> bool:
    return variable.startswith(PREFIX) and variable != CONFIG and not _SERVICE.fullmatch(variable)


def _parsed(kind: Kind, said: str) -> object:
    """Return the value of a variable's text, of the type that a document would hold."""
    if isinstance(kind, inspect.BoolType):
        return _SWITCH[said]
    if isinstance(kind, inspect.IntType):
        return int(said) if said.isascii() and said.isdigit() else said
    if isinstance(kind, inspect.FloatType):
        return _number(said)
    if isinstance(kind, inspect.VarTupleType):
        parts = [part.strip() for part in said.split(",")]
        inner = nested(kind)
        return [{inner.__struct_fields__[0]: part} for part in parts] if inner else parts
    if isinstance(kind, inspect.DictType):
        pairs = [part.partition("=") for part in said.split(",")]
        return {name.strip(): value.strip() for name, _, value in pairs}
    return said


def _number(said: str) -> float | str:
    try:
        return float(said)
    except ValueError:
        return said


def _unknown(where: str, name: str, known: Collection[str]) -> InvalidSetting:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
    return InvalidSetting(f"{where} is no setting: {hint}")


def _short(said: object) -> str:
    text = repr(said)
    return text if len(text) <= _LONGEST_SAID else text[: _LONGEST_SAID - 3] + "..."
