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
from gateway.response import reported_error, response_fields
from gateway.response.reported_error import ReportedError

# The headers of a backend's answer that stay here: those of its connection, those that we set
# ourselves, those that are about its own host or our account there, and those that would command
# nginx.
_KEPT = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
    b"transfer-encoding", b"upgrade", b"content-length", b"date", b"server", b"x-request-id",
    b"vary", b"set-cookie", b"alt-svc", b"location", b"www-authenticate", b"via",
    b"x-powered-by", b"x-content-type-options", b"x-frame-options", b"openai-organization",
    b"openai-project", b"anthropic-organization-id",
})  # fmt: skip
_KEPT_BEGINNINGS = (
    b"access-control-", b"x-accel-", b"strict-transport-", b"cross-origin-", b"content-security-",
    b"x-lamplighter-", b"x-ratelimit-", b"x-backend", b"x-envoy-", b"x-forwarded-", b"x-real-",
    b"x-served-by", b"x-upstream",
)  # fmt: skip
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
    """Return the headers of a backend's answer that its client gets too."""
    kept = [
        header
        for header in headers.items()
        if header[0] not in _KEPT and not header[0].startswith(_KEPT_BEGINNINGS)
    ]
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
    reported = reported_error.read(body, dict(headers).get(b"content-type", b""))
    passed = [header for header in headers if header[0] != b"content-type"]
    if reported is None:
        reported = ReportedError(f"The model server answered {status}.")
    if status == UnknownModel.status and (
        reported.param == "model" or _ALIASES in reported.message
    ):
        # In its own words it would name every alias that it knows.
        shown = (model or "")[:200]
        return UnknownModel(
            f"The model {shown!r} is not served here: GET /v1/models lists those that are.",
            param="model",
        )
    usual = "server_error" if status >= InternalError.status else "invalid_request_error"
    found = Refusal(
        status, reported.message, reported.kind or usual, reported.code or "backend_error"
    )
    found.param = reported.param
    if reported.is_openai and dialect is not ANTHROPIC:
        found.raw = body
    else:  # the body is ours: what is said of theirs does not hold
        passed = [header for header in passed if not header[0].startswith(b"content-")]
    found.passed = passed
    return found


def with_our_version(body: bytes) -> bytes:
    """Return the backend's version beside ours. Raises BackendLost."""
    try:
        theirs = response_fields.version(body).version
    except ValueError as error:
        raise BackendLost("The model server's version cannot be read.") from error
    return msgspec.json.encode({"version": theirs, "proxy_version": VERSION})
