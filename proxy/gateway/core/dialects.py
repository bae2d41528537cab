"""The three API dialects: how a stream ends, and the shape of an error.

OpenAI's chat and completions end in `data: [DONE]`, its Responses API and Anthropic's Messages in
an event of their own; servers leave these out, or the `event:` lines. A stream that began an answer
and never finished it broke off, however its connection ended, and clients notice only an error in
the shape that they read.

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
    """Patterns of a stream's events. An event without any of the `words` matches none of them.

    `began`: an answer has begun; `finished`: it is whole; `aborted`: the engine was stopped within
    it; `failed`: the backend's own error, which ends a stream as well; `last`: nothing follows.
    """

    name: str
    words: tuple[bytes, ...]
    began: re.Pattern[bytes]
    finished: re.Pattern[bytes]
    aborted: re.Pattern[bytes]
    failed: re.Pattern[bytes]
    last: re.Pattern[bytes]
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

_NEVER = re.compile(rb"(?!)")
_ERROR = rb'"error"\s*:\s*[{"]'
_RESPONSE_ENDED = re.compile(
    rb"(?m)^event: ?response\.(?:completed|incomplete|failed)\r?$"
    rb'|"type"\s*:\s*"response\.(?:completed|incomplete|failed)"'
)

OPENAI = Dialect(
    name="openai",
    words=(b"[DONE]", b'"error"', b'"usage":{', b'"usage": {'),
    began=re.compile(rb'"finish_reason"\s*:\s*null'),
    finished=re.compile(rb'"finish_reason"\s*:\s*"'),
    aborted=re.compile(rb'"finish_reason"\s*:\s*"abort"'),
    failed=re.compile(_ERROR),
    last=re.compile(rb"(?m)^data: ?\[DONE\]\s*?$"),
    body=_openai_body,
    in_band=_openai_in_band,
)

ANTHROPIC = Dialect(
    name="anthropic",
    words=(b"message_stop", b'"error"', b'"stop_reason"', b'"usage"'),
    began=re.compile(rb'"type"\s*:\s*"(?:message_start|content_block_)'),
    finished=re.compile(rb'"stop_reason"\s*:\s*"'),
    aborted=re.compile(rb'"stop_reason"\s*:\s*"abort"'),
    failed=re.compile(rb'(?m)^event: ?error\r?$|"type"\s*:\s*"error"'),
    last=re.compile(rb'(?m)^event: ?message_stop\r?$|"type"\s*:\s*"message_stop"'),
    body=_anthropic_body,
    in_band=_anthropic_in_band,
    ping=b'event: ping\ndata: {"type":"ping"}\n\n',
)

RESPONSES = Dialect(
    name="responses",
    words=(b"response.completed", b"response.incomplete", b"response.failed", b"error"),
    began=re.compile(rb'(?m)^event: ?response\.|"type"\s*:\s*"response\.'),
    finished=_RESPONSE_ENDED,
    aborted=_NEVER,
    failed=re.compile(
        rb'(?m)^event: ?(?:error|response\.failed)\r?$|"type"\s*:\s*"(?:error|response\.failed)"'
        rb"|" + _ERROR
    ),
    last=_RESPONSE_ENDED,
    body=_openai_body,
    in_band=_responses_in_band,
)
