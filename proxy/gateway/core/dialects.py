"""The three API dialects: how a stream ends, and the shape of an error.

OpenAI's chat and completions end in `data: [DONE]`, its Responses API and Anthropic's Messages in
an event of their own. A stream that ends without it broke off, however its connection ended, and
clients notice only an error in the shape that they read.

Generated text cannot imitate any of the patterns: inside a JSON string every quote is escaped.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gateway.core.errors import GatewayError

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Dialect:
    """`mark` is in the event that ends a stream, and in few others; that event begins with the
    line that begins with `lead`, where `last` matches it.

    `complete` and `aborted` judge the events before it (None: the last event says it all).
    `failed` finds the backend's own error event, which ends a stream as well.
    """

    name: str
    mark: bytes
    lead: bytes
    last: re.Pattern[bytes]
    complete: re.Pattern[bytes] | None
    aborted: re.Pattern[bytes] | None
    failed: re.Pattern[bytes]
    body: Callable[[GatewayError, str], bytes]
    in_band: Callable[[GatewayError, str], bytes]
    ping: bytes = b": ping\n\n"


def _openai_body(error: GatewayError, _: str) -> bytes:
    return error.body()


def _openai_in_band(error: GatewayError, _: str) -> bytes:
    return b"data: " + error.body() + b"\n\ndata: [DONE]\n\n"


def _anthropic_body(error: GatewayError, request_id: str) -> bytes:
    kind = _ANTHROPIC_KINDS.get(error.status, "api_error")
    detail = {"type": kind, "message": str(error)}
    return _encode({"type": "error", "error": detail, "request_id": request_id})


def _anthropic_in_band(error: GatewayError, request_id: str) -> bytes:
    return b"event: error\ndata: " + _anthropic_body(error, request_id) + b"\n\n"


def _responses_in_band(error: GatewayError, request_id: str) -> bytes:
    """Two events: some clients read only `response.failed`, OpenAI's raises on the other."""
    detail = {"code": "server_error", "message": str(error)}
    response = {
        "id": f"resp_{request_id}",
        "object": "response",
        "status": "failed",
        "error": detail,
    }
    failed = {"type": "response.failed", "sequence_number": 0, "response": response}
    return (
        b"event: response.failed\ndata: " + _encode(failed) + b"\n\n"
        b"event: error\ndata: " + error.body() + b"\n\n"
    )


_ANTHROPIC_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}

OPENAI = Dialect(
    name="openai",
    mark=b"[DONE]",
    lead=b"data:",
    last=re.compile(rb"data: ?\[DONE\]\s*$"),
    complete=re.compile(rb'"finish_reason": ?"'),
    aborted=re.compile(rb'"finish_reason": ?"abort"'),
    failed=re.compile(rb'(?:^|\n)data: ?\{ ?"error"'),
    body=_openai_body,
    in_band=_openai_in_band,
)

ANTHROPIC = Dialect(
    name="anthropic",
    mark=b"message_stop",
    lead=b"event:",
    last=re.compile(rb"event: ?message_stop\r?\n"),
    complete=re.compile(rb'"stop_reason": ?"'),
    aborted=re.compile(rb'"stop_reason": ?"abort"'),
    failed=re.compile(rb"(?:^|\n)event: ?error\r?\n"),
    body=_anthropic_body,
    in_band=_anthropic_in_band,
    ping=b'event: ping\ndata: {"type":"ping"}\n\n',
)

RESPONSES = Dialect(
    name="responses",
    mark=b'"response.',
    lead=b"event:",
    last=re.compile(rb"event: ?response\.(?:completed|incomplete|failed)\r?\n"),
    complete=None,
    aborted=None,
    failed=re.compile(rb'(?:^|\n)(?:event: ?(?:error|response\.failed)\r?\n|data: ?\{ ?"error")'),
    body=_openai_body,
    in_band=_responses_in_band,
)
