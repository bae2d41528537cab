"""Refuse restricted fields that the settings do not allow.

Fields of the request itself are in its `Ask`, which is read anyway. Parts of messages lie deeper:
the body is searched for their names, and only a body with such a name is parsed for them.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.core.restricted_fields import KWARGS, PARTS, REPLACED, TOP
from gateway.request.parameters import Parameters

_NAMED = re.compile(b"_embeds")
_ESCAPED = re.compile(rb"\\u00[567]")  # the letters of their names
_ABSENT = re.compile(rb'null|false|0|""|\[\s*\]|\{\s*\}')
_CHECKED = {*TOP, KWARGS}
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# An object becomes its fields, a tuple of (name, value); numbers are not read, whatever their size.
_FIELDS = json.JSONDecoder(object_pairs_hook=tuple, parse_int=len, parse_float=len)
# Fields of the request that describe data: a name in a schema is no part of a message.
_SCHEMAS = {"tools", "functions", "response_format", "structured_outputs", "text", "metadata"}


def check(parameters: Parameters, body: bytes, allowed: Collection[str]) -> None:
    """Refuse a valid JSON body, or a part of one, that has such a field. Raises InvalidRequest.

    Of two fields of the request with one name the last one counts, as for the engine; null and
    empty lists and objects are no values. allowed: names out of `restricted_fields.NAMES`.
    """
    for name, why in TOP.items():
        if name not in allowed and not _ABSENT.fullmatch(getattr(parameters, name)):
            raise _refused(name, name, why)
    if bytes(parameters.chat_template_kwargs).startswith(b"{"):
        for name in REPLACED.keys() & _decode_names(parameters.chat_template_kwargs):
            if (path := f"{KWARGS}.{name}") not in allowed:
                raise _refused(path, KWARGS, REPLACED[name])
    if _NAMED.search(body) or _ESCAPED.search(body):
        for name in _parts(body):
            if name not in allowed:
                raise _refused(name, name, PARTS[name])


def restricted(found: Mapping[str, object]) -> Parameters:
    """Return the fields that `check` looks at, of those that a part of a body has."""
    return Parameters(**{name: value for name, value in found.items() if name in _CHECKED})  # type: ignore[arg-type]  # all are Raw


def _parts(body: bytes) -> Iterator[str]:
    """Yield the names of the parts, wherever a message of this valid JSON could have them.

    Every field counts, also one whose name stands again later in its object.
    """
    skipped = {*_SCHEMAS, *TOP, KWARGS}
    # Part of a body may end within a character of a long string.
    text = body.decode(errors="replace")
    waiting = [value for name, value in _FIELDS.decode(text) if name not in skipped]
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple):
            for name, inner in value:
                if name in PARTS and inner is not None:
                    yield name
                if name == "type" and isinstance(inner, str) and inner in PARTS:
                    yield inner
                waiting.append(inner)
        elif isinstance(value, list):
            waiting += value


def _refused(name: str, param: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name!r} is refused here: {why}. The operator of this gateway can allow it: "
        f"allow_fields: [{name}] in its configuration, or INFERENCE_ALLOW_FIELDS={name}.",
        param=param,
    )
