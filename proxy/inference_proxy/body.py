"""A request's body: what is checked of it, and how the few fields that decide are read.

Everything else passes unseen: unknown fields, number formats, key order and duplicates.
"""

import re
from collections.abc import Mapping
from email.message import Message

import multipart

from inference_proxy import ask as asks
from inference_proxy.ask import Ask
from inference_proxy.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from inference_proxy.routes import Body
from inference_proxy.settings import Settings

_OPENING = (b"{", b"[")
_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
_FORM_FIELD_BYTES = 4096


def check_head(headers: Mapping[bytes, bytes], kind: Body, limit: int) -> None:
    """Refuse a body by what its headers say. Raises UnsupportedMediaType, BodyTooLarge."""
    given = headers.get(b"content-type", b"")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Send the body without a content encoding.")
    # What the SDKs send; the general parser takes its time.
    if given != b"application/json" or kind is not Body.JSON:
        _check_type(given, kind)
    if int(headers.get(b"content-length", 0)) > limit:
        raise too_large(limit)


def decode(body: bytes, kind: Body, content_type: bytes, settings: Settings) -> Ask:
    """Read the fields. Raises InvalidRequest for what this endpoint cannot take."""
    if kind is Body.FORM:
        ask = _decode_form(body, content_type)
    else:
        _check_depth(body, settings.max_depth)
        ask = _decode_json(body)
    _check_limits(ask, settings)
    return ask


def too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than the {limit} bytes that are taken here.")


def _decode_json(body: bytes) -> Ask:
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look into the strings that it skips
        return asks.decode(body)
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not valid UTF-8.") from error
    except ValueError as error:
        raise InvalidRequest(f"The body is not what this endpoint takes: {error}.") from error


def _decode_form(body: bytes, content_type: bytes) -> Ask:
    """Read `model` and `stream`; each may stand there once, or two readers could differ."""
    fields: dict[str, str] = {}
    try:
        for name, part in form_parts(body, content_type):
            if name not in {"model", "stream"}:
                continue
            if name in fields:
                raise InvalidRequest(f"The form has more than one field {name!r}.", param=name)
            if part.filename is not None or part.size > _FORM_FIELD_BYTES:
                raise InvalidRequest(f"The form's field {name!r} is no short text.", param=name)
            fields[name] = part.value
    except (multipart.MultipartError, ValueError, LookupError) as error:
        raise InvalidRequest("The form cannot be read as multipart/form-data.") from error
    stream = fields.get("stream", "false").lower() in {"true", "1", "yes", "on"}
    return Ask(model=fields.get("model"), stream=stream)


def form_parts(body: bytes, content_type: bytes) -> list[tuple[str, multipart.MultipartPart]]:
    """Return (name, part) of a form. Raises multipart.MultipartError, ValueError."""
    _, options = multipart.parse_options_header(content_type.decode("latin-1"))
    parsed = multipart.MultipartParser(
        _Source(body), options.get("boundary", ""), memfile_limit=len(body) + 1, strict=True
    )
    return [(part.name, part) for part in parsed.parts()]


class _Source:
    """The few methods of a file that the parser needs."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def read(self, size: int) -> bytes:
        piece = self._body[self._at : self._at + size]
        self._at += len(piece)
        return piece


def _check_type(given: bytes, kind: Body) -> None:
    declared = Message()
    declared["content-type"] = given.decode("latin-1")
    charset = str(declared.get_param("charset", "utf-8")).lower()
    if declared.get_content_type() != kind.value or charset not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(f"Send the body as `Content-Type: {kind.value}`, in UTF-8.")


def _check_depth(body: bytes, limit: int) -> None:
    """Few brackets cannot nest deeply; of many, only the brackets outside of strings are left."""
    if body.count(b"{") + body.count(b"[") <= limit:
        return
    bare = re.sub(rb"\\.", b"", body, flags=re.DOTALL).translate(None, _STRUCTURE)
    bare = re.sub(rb'"[^"]*"', b"", bare)
    for _ in range(limit):
        inner = bare.replace(b"[]", b"").replace(b"{}", b"")
        if len(inner) == len(bare):
            break
        bare = inner
    # What is left either nests deeper, or its brackets do not match: the parser says that.
    if bare and sum(map(bare.count, _OPENING)) > 0 and _is_balanced_so_far(bare):
        raise InvalidRequest(f"The body is nested deeper than the {limit} levels taken here.")


def _is_balanced_so_far(bare: bytes) -> bool:
    return bare.startswith(_OPENING)


def _check_limits(ask: Ask, settings: Settings) -> None:
    if (ask.n or 0) > settings.max_n or (ask.best_of or 0) > settings.max_n:
        name = "n" if (ask.n or 0) > settings.max_n else "best_of"
        raise InvalidRequest(f"{name!r} may be at most {settings.max_n} here.", param=name)
    most = settings.max_output_tokens
    if most is not None and ask.output_tokens > most:
        names = ("max_tokens", "max_completion_tokens", "max_output_tokens")
        name = next(name for name in names if (getattr(ask, name) or 0) > most)
        raise InvalidRequest(f"{name!r} may be at most {most} here.", param=name)
