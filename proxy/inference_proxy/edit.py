"""The two edits that a request's body may get; every other byte stays as it came.

A body is not built again from what was parsed: that would lose number formats, key order and
duplicates. The field's place is found in the bytes, and the result is read once more to be sure.
"""

import re

import msgspec
import multipart

from inference_proxy import ask as asks
from inference_proxy.ask import Ask
from inference_proxy.body import form_parts
from inference_proxy.errors import InvalidRequest
from inference_proxy.routes import Body

_encode = msgspec.json.encode
# A quote after a backslash begins no key: it stands inside a string.
_MODEL = re.compile(rb'(?<!\\)"model"\s*:\s*("(?:[^"\\]|\\.)*")', re.DOTALL)
_OPTIONS = re.compile(rb'(?<!\\)"stream_options"\s*:\s*(\{[^{}]*\}|null)')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

_PLAIN = b'{"include_usage":true}'
_USAGE = {"include_usage": msgspec.Raw(b"true")}
_EACH = "continuous_usage_stats"  # of every event, once usage is asked for at all


def rename(body: bytes, served: str, kind: Body, content_type: bytes) -> bytes:
    """Return the body with its `model` replaced. Raises InvalidRequest."""
    if kind is Body.FORM:
        return _rename_in_form(body, served, content_type)
    changed = _replaced(body, _MODEL, _encode(served))
    if asks.decode(changed).model != served:
        raise InvalidRequest("The body's 'model' is not written as a plain field.", param="model")
    return changed


def ask_for_usage(body: bytes, ask: Ask) -> bytes:
    """Return the body of a stream with `stream_options.include_usage` set."""
    if ask.stream_options is None and b'"stream_options"' not in body:
        return _with_options(body, _PLAIN)
    fields = asks.decode_options(body).stream_options or {}
    if _EACH in fields:
        fields[_EACH] = msgspec.Raw(b"false")
    wanted = _encode(fields | _USAGE)
    changed = _replaced(body, _OPTIONS, wanted)
    if changed is not body and _asks(changed):
        return changed
    return _with_options(body, wanted)  # of two fields of one name the last one counts


def _with_options(body: bytes, options: bytes) -> bytes:
    return body[: body.rindex(b"}")] + b',"stream_options":' + options + b"}"


def _asks(body: bytes) -> bool:
    options = asks.decode(body).stream_options
    return options is not None and bool(options.include_usage)


def _replaced(body: bytes, field: re.Pattern[bytes], value: bytes) -> bytes:
    """Return the body with the field's value on the top level replaced, the last one if several."""
    place = None
    depth = at = 0
    for found in field.finditer(body):
        bare = _STRING.sub(b"", body[at : found.start()])
        depth += bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
        at = found.end()
        if depth == 1:
            place = found
    return body if place is None else body[: place.start(1)] + value + body[place.end(1) :]


def _rename_in_form(body: bytes, served: str, content_type: bytes) -> bytes:
    """Replace the bytes of one part. `body.decode` saw to it that there is at most one such."""
    named = form_parts(body, content_type)
    _, options = multipart.parse_options_header(content_type.decode("latin-1"))
    line: bytes = b"\r\n--" + options["boundary"].encode("latin-1")
    pieces: list[bytes] = (b"\r\n" + body).split(line)  # before, the parts, after
    for place, (name, part) in enumerate(named, 1):
        if name == "model" and pieces[place].endswith(b"\r\n\r\n" + part.raw):
            pieces[place] = pieces[place].removesuffix(part.raw) + served.encode()
            return line.join(pieces).removeprefix(b"\r\n")
    raise InvalidRequest("The form's 'model' cannot be told from its surroundings.", param="model")
