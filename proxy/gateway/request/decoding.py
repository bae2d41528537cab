"""A request's body: its checks, and the few parameters that are read of it.

Everything else passes unseen: unknown fields, number formats, key order and duplicates.
"""

from collections.abc import Mapping
from email.message import Message

import multipart

from gateway.core.endpoints import Body, Endpoint
from gateway.core.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from gateway.core.segmented_body import SegmentedBody
from gateway.request import json_structure
from gateway.request.compression import CODINGS
from gateway.request.parameters import Fields, Parameters, fields_of
from gateway.settings.gateway_settings import Settings

_MARK = b"\xef\xbb\xbf"
FORM_FIELD_BYTES = 4096
FORM_PARTS = 128
UNREAD_BYTES = 64 * 1024  # of a body where none belongs: it is let pass, and not kept


def check_head(headers: Mapping[bytes, bytes], kind: Body, settings: Settings) -> None:
    """Refuse a body by what its headers say. Raises UnsupportedMediaType, BodyTooLarge."""
    if kind is not Body.NONE:
        _check_kind(headers, kind)
    if int(headers.get(b"content-length", 0)) > largest(kind, settings):
        raise too_large(kind, settings)


def too_large(kind: Body, settings: Settings) -> BodyTooLarge:
    if kind is Body.NONE:
        return BodyTooLarge("This endpoint takes no body: send the request without one.")
    return BodyTooLarge(f"The body is larger than the {settings.max_body} bytes taken here.")


def _check_kind(headers: Mapping[bytes, bytes], kind: Body) -> None:
    given = headers.get(b"content-type", b"")
    coding = headers.get(b"content-encoding")
    if coding is not None and coding.lower() not in {b"identity", *CODINGS}:
        raise UnsupportedMediaType(
            "Send the body as it is, or as gzip, deflate or zstd (one content encoding)."
        )
    # What the SDKs send; the general parser takes its time.
    if given != b"application/json" or kind is not Body.JSON:
        _check_type(given, kind)


def decode(body: bytes, endpoint: Endpoint, content_type: bytes, settings: Settings) -> Parameters:
    """Read the fields. Raises InvalidRequest for what this endpoint cannot take."""
    if endpoint.body is Body.FORM:
        parameters = _decode_form(body, content_type)
    else:
        if json_structure.is_deeper(body, settings.max_depth):
            raise InvalidRequest(
                f"The body is nested deeper than the {settings.max_depth} levels taken here."
            )
        parameters = _decode_json(body, fields_of(endpoint.operation))
    check_limits(parameters, settings)
    return parameters


def without_mark(body: bytes | SegmentedBody) -> bytes | SegmentedBody:
    """Return the body without a byte order mark, which engines skip as well."""
    if isinstance(body, bytes):
        return body.removeprefix(_MARK)
    if body.start(len(_MARK)) == _MARK:
        return body.replaced(0, len(_MARK), b"")
    return body


def largest(kind: Body, settings: Settings) -> int:
    """Return how many bytes a body may have; an endpoint that takes none drops a few."""
    return UNREAD_BYTES if kind is Body.NONE else settings.max_body


def _decode_json(body: bytes, fields: Fields) -> Parameters:
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look into the strings that it skips
        return fields.whole(body)
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not valid UTF-8.") from error
    except ValueError as error:
        raise InvalidRequest(f"The body is not what this endpoint takes: {error}.") from error


def _decode_form(body: bytes, content_type: bytes) -> Parameters:
    """Read `model` and `stream`; each may stand there once, or two readers could differ."""
    fields: dict[str, str] = {}
    try:
        for name, part in form_parts(body, content_type):
            if name not in {"model", "stream"}:
                continue
            if name in fields:
                raise InvalidRequest(f"The form has more than one field {name!r}.", param=name)
            if part.filename is not None or part.size > FORM_FIELD_BYTES:
                raise InvalidRequest(f"The form's field {name!r} is no short text.", param=name)
            fields[name] = part.value
    except (multipart.MultipartError, ValueError, LookupError) as error:
        raise form_refused() from error
    return form_ask(fields)


def form_refused() -> InvalidRequest:
    return InvalidRequest("The form cannot be read as multipart/form-data.")


def form_ask(fields: Mapping[str, str]) -> Parameters:
    """Return what the text fields of a form say."""
    stream = fields.get("stream", "false").lower() in {"true", "1", "yes", "on"}
    return Parameters(model=fields.get("model"), stream=stream)


def form_parts(body: bytes, content_type: bytes) -> list[tuple[str, multipart.MultipartPart]]:
    """Return (name, part) of a form. Raises multipart.MultipartError, ValueError."""
    parsed = multipart.MultipartParser(
        _Source(body),
        form_boundary(content_type),
        part_limit=FORM_PARTS,
        memfile_limit=len(body) + 1,
        strict=True,
    )
    return [(part.name, part) for part in parsed.parts()]


def form_boundary(content_type: bytes) -> str:
    """Return what separates the parts of a form, "" if the header does not say it."""
    _, options = multipart.parse_options_header(content_type.decode("latin-1"))
    boundary: str = options.get("boundary", "")
    return boundary


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


def check_limits(parameters: Parameters, settings: Settings) -> None:
    """Raises InvalidRequest."""
    if (parameters.n or 0) > settings.max_n or (parameters.best_of or 0) > settings.max_n:
        name = "n" if (parameters.n or 0) > settings.max_n else "best_of"
        raise InvalidRequest(f"{name!r} may be at most {settings.max_n} here.", param=name)
    most = settings.max_output_tokens
    if most is not None and parameters.output_tokens > most:
        names = ("max_tokens", "max_completion_tokens", "max_output_tokens")
        name = next(name for name in names if (getattr(parameters, name) or 0) > most)
        raise InvalidRequest(f"{name!r} may be at most {most} here.", param=name)
