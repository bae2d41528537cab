"""A request's body: taken in whole and within the limit, looked at, never changed."""

import asyncio
from collections.abc import Mapping
from email.message import Message

import msgspec
from litestar.types import Receive

from inference_proxy.errors import (
    BodyTimedOut,
    BodyTooLarge,
    ClientLeft,
    InvalidRequest,
    UnsupportedMediaType,
)

UPLOAD_SECONDS = 60.0


class Ask(msgspec.Struct, frozen=True, gc=False):
    """The four fields that decide something here. All others pass unseen and unchanged."""

    model: str | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


_decoder = msgspec.json.Decoder(Ask)  # strict: `"stream": 0` is not a boolean


async def read(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """Return the whole body, at most `limit` bytes, of a request that says it is JSON."""
    _check_type(headers)
    if int(headers.get(b"content-length", 0)) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            return await _collect(receive, limit)
    except TimeoutError as error:
        raise BodyTimedOut(f"The body did not arrive within {UPLOAD_SECONDS:g} s.") from error


async def _collect(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientLeft
        parts.append(message["body"])
        size += len(message["body"])
        if size > limit:
            raise _too_large(limit)
        if not message["more_body"]:
            return parts[0] if len(parts) == 1 else b"".join(parts)


def decode(body: bytes) -> Ask:
    """Read the four fields. Raises InvalidRequest for anything that is not one JSON object."""
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look into the strings that it skips
        return _decoder.decode(body)
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not valid UTF-8.") from error
    except ValueError as error:
        raise InvalidRequest(f"The body is not what this endpoint takes: {error}.") from error


def _check_type(headers: Mapping[bytes, bytes]) -> None:
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Send the body without a content encoding.")
    given = headers.get(b"content-type", b"")
    if given == b"application/json":  # what the SDKs send; the general parser takes its time
        return
    declared = Message()
    declared["content-type"] = given.decode("latin-1")
    charset = str(declared.get_param("charset", "utf-8")).lower()
    if declared.get_content_type() != "application/json" or charset not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("Send the body as `Content-Type: application/json`, in UTF-8.")


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than the {limit} bytes that are taken here.")
