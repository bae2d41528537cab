"""What the gateway tells a client when it cannot answer, in OpenAI's error shape.

ProxyError
├── InvalidRequest        400  the request or its body is not what the API takes
├── InvalidKey            401  no key, or none that we know
├── UnknownPath           404  not an endpoint of this gateway; the backend never hears of it
├── UnknownModel          404  no backend serves the model
├── MethodNotAllowed      405  the endpoint exists, under another method
├── BodyTimedOut          408  the client did not finish sending its request
├── BodyTooLarge          413  over the limit, by its own word or by count
├── UnsupportedMediaType  415  not plain JSON in UTF-8
├── InternalError         500  a defect of the gateway
├── BackendLost           502  the backend broke off after the request was sent
│   └── StreamIncomplete  502  a stream ended before the model was done (told in-band)
├── BackendUnavailable    503  no connection: loading, restarting, or down
├── EngineDisabled        503  this deployment runs without an engine
└── BudgetEnded           504  one of the request's time budgets ran out

ClientLeft is no ProxyError: nobody is left to tell.
"""

from typing import ClassVar

import msgspec

Headers = list[tuple[bytes, bytes]]

# The OpenAI SDK does not retry at all when it is told to wait longer than two minutes.
LONGEST_RETRY_AFTER_SECONDS = 120

_NEVER_RETRY: Headers = [(b"x-should-retry", b"false")]


class ClientLeft(Exception):
    """The client closed its connection before it had the whole answer."""


class ProxyError(Exception):
    """A message for the client: never a backend's address, never a key."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param

    def headers(self) -> Headers:
        """Headers that belong to this error beside content type and length."""
        return []

    def body(self) -> bytes:
        return error_body(str(self), self.kind, self.code, self.param)


class InvalidRequest(ProxyError):
    status, kind, code = 400, "invalid_request_error", "invalid_request"


class InvalidKey(ProxyError):
    status, kind, code = 401, "invalid_request_error", "invalid_api_key"

    def headers(self) -> Headers:
        return [(b"www-authenticate", b"Bearer")]


class UnknownPath(ProxyError):
    status, kind, code = 404, "invalid_request_error", "unknown_url"


class UnknownModel(ProxyError):
    status, kind, code = 404, "invalid_request_error", "model_not_found"


class MethodNotAllowed(ProxyError):
    status, kind, code = 405, "invalid_request_error", "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow

    def headers(self) -> Headers:
        return [(b"allow", self.allow.encode("latin-1"))]


class BodyTimedOut(ProxyError):
    status, kind, code = 408, "invalid_request_error", "request_timeout"

    def headers(self) -> Headers:
        return [(b"connection", b"close")]  # the rest of the body is still to come


class BodyTooLarge(ProxyError):
    status, kind, code = 413, "invalid_request_error", "request_too_large"


class UnsupportedMediaType(ProxyError):
    status, kind, code = 415, "invalid_request_error", "unsupported_media_type"


class InternalError(ProxyError):
    pass


class BackendLost(ProxyError):
    """The prompt may have run: a client that retries at once would only run it again."""

    status, code = 502, "backend_lost"

    def headers(self) -> Headers:
        return _NEVER_RETRY


class StreamIncomplete(BackendLost):
    code = "stream_incomplete"


class BackendUnavailable(ProxyError):
    status, code = 503, "backend_unavailable"
    retry_after_seconds: ClassVar[int] = 10

    def headers(self) -> Headers:
        return retry_after(self.retry_after_seconds)


class EngineDisabled(ProxyError):
    status, code = 503, "engine_disabled"

    def headers(self) -> Headers:
        return retry_after(LONGEST_RETRY_AFTER_SECONDS) + _NEVER_RETRY


class BudgetEnded(ProxyError):
    status, code = 504, "timeout"

    def __init__(self, budget: str, seconds: float) -> None:
        super().__init__(f"The request's budget for {budget} ended after {seconds:g} s.")
        self.budget = budget

    def headers(self) -> Headers:
        return _NEVER_RETRY


def retry_after(seconds: int) -> Headers:
    """Return the standard header and the one that OpenAI's SDK prefers, capped."""
    wait = min(seconds, LONGEST_RETRY_AFTER_SECONDS)
    return [(b"retry-after", b"%d" % wait), (b"retry-after-ms", b"%d" % (wait * 1000))]


def error_body(message: str, kind: str, code: str, param: str | None = None) -> bytes:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return msgspec.json.encode({"error": error})


def in_band(error: ProxyError) -> bytes:
    """Return the last two events of a stream that failed after its 200 was sent."""
    return b"data: " + error.body() + b"\n\ndata: [DONE]\n\n"


class _Shape(msgspec.Struct):
    error: dict[str, object]


def shaped(status: int, content_type: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return a backend's error as it came if an SDK can read it, else said again in its shape."""
    try:
        msgspec.json.decode(body, type=_Shape)
    except (ValueError, RecursionError):
        kind = "invalid_request_error" if status < InternalError.status else "server_error"
        said = error_body(f"The model server answered {status}.", kind, "backend_error")
        return b"application/json", said
    return content_type, body
