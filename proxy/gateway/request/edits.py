"""The two edits that a request's body may get; every other byte stays as it came.

A body is not built again from what was parsed: that would lose number formats, key order and
duplicates. The field's place is found in the bytes, and the result is read once more to be sure.
"""

import re

import msgspec

from gateway.core.endpoints import Body
from gateway.core.errors import InvalidRequest
from gateway.core.segmented_body import SegmentedBody
from gateway.request.decoding import form_boundary, form_parts
from gateway.request.parameters import Parameters, asks_for_usage, decode_model, decode_options

Place = tuple[int, int]  # from a byte up to another one

_encode = msgspec.json.encode
# A quote after a backslash begins no key: it stands inside a string.
_MODEL = re.compile(rb'(?<!\\)"model"\s*:\s*("(?:[^"\\]|\\.)*")', re.DOTALL)
_OPTIONS = re.compile(rb'(?<!\\)"stream_options"\s*:\s*(\{[^{}]*\}|null)')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

PART_LENGTH = re.compile(rb"\r\ncontent-length:[^\r\n]*", re.IGNORECASE)  # of the value before

# Stands in for the model while its place is verified: no model has this name.
_NO_NAME = "\0"
_NO_MODEL = b'"\\u0000"'

PLAIN = b'{"include_usage":true}'
_USAGE = {"include_usage": msgspec.Raw(b"true")}
_EACH = "continuous_usage_stats"  # of every event, once usage is asked for at all


def rename(body: bytes, served: str, kind: Body, content_type: bytes) -> bytes:
    """Return the body with its `model` replaced. Raises InvalidRequest."""
    if kind is Body.FORM:
        return _rename_in_form(body, served, content_type)
    place = model_place(body)
    if place is None:
        raise InvalidRequest("The body's 'model' is not written as a plain field.", param="model")
    return _replaced(body, place, _encode(served))


def model_place(body: bytes) -> Place | None:
    """Return where the model that counts is named, None if that is no plain field."""
    place = _last(body, _MODEL)
    if place is None or decode_model(_replaced(body, place, _NO_MODEL)) != _NO_NAME:
        return None
    return place


def ask_for_usage(body: bytes, parameters: Parameters) -> bytes:
    """Return the body of a stream with `stream_options.include_usage` set."""
    if parameters.stream_options is None and b'"stream_options"' not in body:
        return _with_options(body, PLAIN)
    place, options = usage_options(body)
    return _with_options(body, options) if place is None else _replaced(body, place, options)


def usage_options(body: bytes) -> tuple[Place | None, bytes]:
    """Return the body's own options with the usage asked for, and the place to write them.

    The place is None if they must go to the end: of two fields of one name the last one counts.
    """
    fields = decode_options(body)
    if _EACH in fields:
        fields[_EACH] = msgspec.Raw(b"false")
    options = _encode(fields | _USAGE)
    place = _last(body, _OPTIONS)
    if place is not None and _asks(_replaced(body, place, options)):
        return place, options
    return None, options


def with_field(body: bytes | SegmentedBody, field: bytes) -> bytes | SegmentedBody:
    """Return a body that has fields with one more, at its end."""
    end = body.rindex(b"}")
    if isinstance(body, bytes):
        return body[:end] + b"," + field + body[end:]
    return body.replaced(end, end, b"," + field)


def _with_options(body: bytes, options: bytes) -> bytes:
    return body[: body.rindex(b"}")] + b',"stream_options":' + options + b"}"


def _asks(body: bytes) -> bool:
    try:
        return asks_for_usage(body)
    except ValueError:  # a brace in a string was taken for the end of the options
        return False


def _replaced(body: bytes, place: Place, value: bytes) -> bytes:
    begin, end = place
    return body[:begin] + value + body[end:]


def _last(body: bytes, field: re.Pattern[bytes]) -> Place | None:
    """Return where the field's value stands on the top level, the last one if several."""
    place = None
    depth = at = 0
    for found in field.finditer(body):
        bare = _STRING.sub(b"", body[at : found.start()])
        depth += bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
        at = found.end()
        if depth == 1:
            place = found.span(1)
    return place


def _rename_in_form(body: bytes, served: str, content_type: bytes) -> bytes:
    """Replace the bytes of one part. `body.decode` saw to it that there is at most one such."""
    named = form_parts(body, content_type)
    line: bytes = b"\r\n--" + form_boundary(content_type).encode("latin-1")
    pieces: list[bytes] = (b"\r\n" + body).split(line)  # before, the parts, after
    for place, (name, part) in enumerate(named, 1):
        if name == "model" and pieces[place].endswith(b"\r\n\r\n" + part.raw):
            head = pieces[place].removesuffix(part.raw)
            pieces[place] = PART_LENGTH.sub(b"", head) + served.encode()
            return line.join(pieces).removeprefix(b"\r\n")
    raise InvalidRequest("The form's 'model' cannot be told from its surroundings.", param="model")
