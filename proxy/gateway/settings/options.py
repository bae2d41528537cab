"""The options of the gateway, described by the fields of a msgspec Struct.

The parser in `document`, its errors and the configuration reference all read it.
"""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import NODEFAULT, inspect

PREFIX = "INFERENCE_"

Kind = inspect.Type


class Option(NamedTuple):
    """`variable` is None for what only a document can set; `restart`: no reload changes it."""

    name: str
    takes: str
    default: str
    about: str
    variable: str | None
    restart: bool


def option(
    about: str, takes: str, *, variable: str | None = None, restart: bool = False
) -> msgspec.Meta:
    """Describe a field, for `Annotated`. `variable` is what follows INFERENCE_, if not its name.

    Nested Structs have no variable unless one is named: it gives the first field of each.
    """
    extra = {"takes": takes, "variable": variable, "restart": restart}
    return msgspec.Meta(description=about, extra=extra)


def reference(cls: type[msgspec.Struct], within: str = "") -> list[Option]:
    """Return the options in order. Those of nested Structs follow theirs, as `backends[].url`."""
    described = []
    for field in fields(cls):
        name, kind = within + field.name, bare(field.type)
        described.append(_option(name, field, only_documents=bool(within)))
        if inner := nested(kind):
            listed = "[]." if isinstance(kind, inspect.VarTupleType) else "."
            described += reference(inner, name + listed)
    return described


def fields(cls: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(cls)
    return described.fields if isinstance(described, inspect.StructType) else ()


def bare(kind: Kind) -> Kind:
    """Take the description and the `| None` off."""
    if isinstance(kind, inspect.Metadata):
        return bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(bare(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def nested(kind: Kind) -> type[msgspec.Struct] | None:
    """Return the Struct that `kind` is, or is a list of."""
    item = bare(kind.item_type) if isinstance(kind, inspect.VarTupleType) else kind
    return item.cls if isinstance(item, inspect.StructType) else None


def _option(name: str, field: inspect.Field, *, only_documents: bool) -> Option:
    meta = field.type if isinstance(field.type, inspect.Metadata) else None
    extra = (meta and meta.extra) or {}
    about = str(((meta and meta.extra_json_schema) or {}).get("description", ""))
    suffix = extra.get("variable") or (None if nested(bare(field.type)) else field.name.upper())
    variable = None if only_documents or suffix is None else PREFIX + suffix
    takes = str(extra.get("takes", ""))
    restart = bool(extra.get("restart"))
    return Option(name, takes, _default(field), about, variable, restart)


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    return _text(value)


def _text(value: Any) -> str:
    match value:
        case bool():
            return "enabled" if value else "disabled"
        case float():
            return f"{value:g}"
        case msgspec.Struct():
            return _text(getattr(value, value.__struct_fields__[0]))
        case tuple():
            return ", ".join(map(_text, value))
        case dict():
            return ", ".join(f"{name}={text}" for name, text in value.items())
    return "" if value is None else str(value)


def made(kind: type[Any], value: Any) -> Any:
    """Make what msgspec has no word for: paths. Raises ValueError."""
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError(f"Expected the path of a file, got {value!r}")
