"""What is read of a backend's answer: its headers, usage, errors and version."""

import re
from collections.abc import Mapping

import msgspec

from gateway import VERSION
from gateway.core.dialects import ANTHROPIC, Dialect
from gateway.core.errors import (
    BackendLost,
    BackendUnavailable,
    GatewayError,
    Headers,
    InternalError,
    Refusal,
    UnknownModel,
)
from gateway.response import response_fields

# The headers of a backend's answer that are passed on.
_RETURNED = (b"content-type", b"content-encoding", b"cache-control", b"retry-after")
_JSON = b"application/json"

_WHOLE_BYTES = 256 * 1024  # beyond it usage is looked for in the last bytes only
_TAIL_BYTES = 4096
_INPUT = re.compile(rb'"(?:prompt|input)_tokens": ?(\d{1,12})')
_OUTPUT = re.compile(rb'"(?:completion|output)_tokens": ?(\d{1,12})')

# vLLM says 500 when its engine process is gone or going: the server is about to restart.
_ENGINE_GONE = re.compile(rb"EngineCore|EngineDeadError|cannot schedule new futures")

_ALIASES = "Valid aliases:"

Tokens = tuple[int | None, int | None]


def returned(headers: Mapping[bytes, bytes]) -> Headers:
    kept = [(name, headers[name]) for name in _RETURNED if name in headers]
    return kept if b"content-type" in headers else [(b"content-type", _JSON), *kept]


def usage(body: bytes) -> Tokens:
    """Return (input, output) tokens of a whole answer, as far as the backend reported them."""
    if len(body) > _WHOLE_BYTES:
        tail = body[-_TAIL_BYTES:]
        given, made = _INPUT.findall(tail), _OUTPUT.findall(tail)
        return int(given[-1]) if given else None, int(made[-1]) if made else None
    try:
        tokens = response_fields.counted(body).usage
    except (ValueError, RecursionError):
        return None, None
    if tokens is None:
        return None, None
    return (
        tokens.input_tokens if tokens.prompt_tokens is None else tokens.prompt_tokens,
        tokens.output_tokens if tokens.completion_tokens is None else tokens.completion_tokens,
    )


def is_cut(body: bytes, dialect: Dialect) -> bool:
    """Whether a whole answer is the part that was made before its engine was stopped.

    vLLM says so in a `finish_reason`, or by leaving out the `stop_reason` of a message.
    """
    if b'"abort"' not in body and (dialect is not ANTHROPIC or b'"stop_reason":"' in body):
        return False
    try:
        ended = response_fields.ended(body)
    except (ValueError, RecursionError):
        return False
    if dialect is ANTHROPIC:
        return ended.type == "message" and ended.stop_reason in {None, "abort"}
    return any(choice.finish_reason == "abort" for choice in ended.choices)


def refusal(
    status: int, body: bytes, headers: Headers, model: str | None, dialect: Dialect
) -> GatewayError:
    """Return the error for a backend's answer of 400 and above.

    For Anthropic's clients it is rewritten: vLLM's errors have other types, some another shape.
    """
    if status >= InternalError.status and _ENGINE_GONE.search(body):
        return BackendUnavailable("The model server is restarting: its engine has stopped.")
    try:
        reported = response_fields.refused(body).error
    except (ValueError, RecursionError):
        kind = "server_error" if status >= InternalError.status else "invalid_request_error"
        found = Refusal(status, f"The model server answered {status}.", kind, "backend_error")
        found.passed = [header for header in headers if header[0] == b"retry-after"]
        return found
    if status == UnknownModel.status and (
        reported.param == "model" or _ALIASES in reported.message
    ):
        # In its own words it would name every alias that it knows.
        shown = (model or "")[:200]
        return UnknownModel(
            f"The model {shown!r} is not served here: GET /v1/models lists those that are.",
            param="model",
        )
    code = "backend_error" if reported.code is None else str(reported.code)
    found = Refusal(status, reported.message, reported.type or "backend_error", code)
    found.param, found.raw = reported.param, None if dialect is ANTHROPIC else body
    found.passed = [header for header in headers if header[0] != b"content-type"]
    return found


def with_our_version(body: bytes) -> bytes:
    """Return the backend's version beside ours. Raises BackendLost."""
    try:
        theirs = response_fields.version(body).version
    except ValueError as error:
        raise BackendLost("The model server's version cannot be read.") from error
    return msgspec.json.encode({"version": theirs, "proxy_version": VERSION})
