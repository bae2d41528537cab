"""The errors that a client gets, in OpenAI's shape.

GatewayError
├── InvalidRequest        400  the request or its body is not what the API takes
├── InvalidKey            401  no key, or none that we know, or one that is not valid now
├── Forbidden             403  the key may not use this model, or a filter rule refuses the request
├── UnknownPath           404  not an endpoint of this gateway; no backend sees the request
├── UnknownModel          404  no backend serves the model
├── MethodNotAllowed      405  the endpoint exists, under another method
├── RequestTimedOut       408  the client did not finish sending its request
├── BodyTooLarge          413  over the limit, by its own word or by count
├── UnsupportedMediaType  415  not a body of the kind that the endpoint takes
├── RateLimited           429  too many requests, tokens or streams at once for this key
│   └── QuotaExceeded     429  the key's budget for today is used up
├── InternalError         500  a defect of the gateway
├── BackendLost           502  the backend broke off after the request was sent
│   └── StreamIncomplete  502  a stream ended before the model was done (an event in the stream)
├── Refusal               ...  an error of the backend's own, which is passed on
├── BackendUnavailable    503  no connection: restarting, or down
│   ├── HostDraining      503  the host hands its clients over to another one
│   ├── ModelLoading      503  the engine is up and still loads the model
│   └── Overloaded        503  the admission queue is full, or its wait was too long
├── EngineDisabled        503  this deployment runs without an engine
└── BudgetEnded           504  one of the request's time budgets ran out
"""

import math

import msgspec

Headers = list[tuple[bytes, bytes]]

# SDKs do not retry at all if asked to wait longer than two minutes; others wait as long as asked.
LONGEST_RETRY_AFTER_SECONDS = 60
DEFAULT_RETRY_AFTER_SECONDS = 10

_SHORTEST = 0.001
_DIGITS = 9  # of a backend's own seconds
_NEVER_RETRY: Headers = [(b"x-should-retry", b"false")]


class GatewayError(Exception):
    """A message for the client: never a backend's address, never a key."""

    status: int = 500
    kind: str = "server_error"
    code: str = "internal_error"
    raw: bytes | None = None  # a body to be sent as it is

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param

    def headers(self) -> Headers:
        """Headers that belong to this error beside content type and length."""
        return []

    def body(self) -> bytes:
        return error_body(str(self), self.kind, self.code, self.param)


class InvalidRequest(GatewayError):
    status, kind, code = 400, "invalid_request_error", "invalid_request"


class InvalidKey(GatewayError):
    """Claude Code repeats a 401 for minutes, without a word, unless it is asked not to."""

    status, kind, code = 401, "invalid_request_error", "invalid_api_key"

    def headers(self) -> Headers:
        return [(b"www-authenticate", b"Bearer"), *_NEVER_RETRY]


class Forbidden(GatewayError):
    """`code`: model_not_allowed or request_filtered."""

    status, kind = 403, "permission_error"

    def __init__(self, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.code = code


class UnknownPath(GatewayError):
    status, kind, code = 404, "invalid_request_error", "unknown_url"


class UnknownModel(GatewayError):
    status, kind, code = 404, "invalid_request_error", "model_not_found"


class MethodNotAllowed(GatewayError):
    status, kind, code = 405, "invalid_request_error", "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow

    def headers(self) -> Headers:
        return [(b"allow", self.allow.encode("latin-1"))]


class RequestTimedOut(GatewayError):
    status, kind, code = 408, "invalid_request_error", "request_timeout"

    def headers(self) -> Headers:
        return [(b"connection", b"close")]  # the rest of the body is still to come


class BodyTooLarge(GatewayError):
    status, kind, code = 413, "invalid_request_error", "request_too_large"


class UnsupportedMediaType(GatewayError):
    status, kind, code = 415, "invalid_request_error", "unsupported_media_type"


class RateLimited(GatewayError):
    """`seconds` is exact: the same request passes after it. `limits`: the x-ratelimit headers."""

    status, kind, code = 429, "rate_limit_error", "rate_limit_exceeded"

    def __init__(self, message: str, *, seconds: float, limits: Headers) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.limits = limits

    def headers(self) -> Headers:
        return retry_after(self.seconds) + self.limits


class QuotaExceeded(RateLimited):
    """Not before midnight UTC: a client that retries by itself would only burn requests."""

    kind, code = "insufficient_quota", "insufficient_quota"

    def headers(self) -> Headers:
        return super().headers() + _NEVER_RETRY


class InternalError(GatewayError):
    pass


class BackendLost(GatewayError):
    """The prompt may have run: a client that retries at once would only run it again."""

    status, code = 502, "backend_lost"

    def headers(self) -> Headers:
        return _NEVER_RETRY


class StreamIncomplete(BackendLost):
    code = "stream_incomplete"


class Refusal(GatewayError):
    """A backend's own error. `raw` is its body as it came, if an SDK can read it."""

    def __init__(self, status: int, message: str, kind: str, code: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.code = status, kind, code
        self.raw: bytes | None = None
        self.passed: Headers = []

    def headers(self) -> Headers:
        headers: Headers = []
        for name, value in self.passed:
            if name == b"retry-after" and value.isdigit() and len(value) < _DIGITS:
                headers += retry_after(int(value))
            else:
                headers.append((name, value))
        return headers


class BackendUnavailable(GatewayError):
    """`seconds`: when it may be back, as far as that is known."""

    status, code = 503, "backend_unavailable"

    def __init__(self, message: str, *, seconds: float = DEFAULT_RETRY_AFTER_SECONDS) -> None:
        super().__init__(message)
        self.seconds = seconds

    def headers(self) -> Headers:
        return retry_after(max(self.seconds, 1))


class HostDraining(BackendUnavailable):
    code = "host_draining"


class ModelLoading(BackendUnavailable):
    code = "model_loading"


class Overloaded(BackendUnavailable):
    code = "overloaded"


class EngineDisabled(GatewayError):
    status, code = 503, "engine_disabled"

    def headers(self) -> Headers:
        return retry_after(LONGEST_RETRY_AFTER_SECONDS) + _NEVER_RETRY


class BudgetEnded(GatewayError):
    status, code = 504, "timeout"

    def __init__(self, budget: str, seconds: float) -> None:
        super().__init__(f"The request's budget for {budget} ended after {seconds:g} s.")
        self.budget = budget

    def headers(self) -> Headers:
        return _NEVER_RETRY


def retry_after(seconds: float) -> Headers:
    """Return the standard header (whole seconds, rounded up) and the one OpenAI's SDK prefers.

    Both are capped, so that clients go on asking; a third one has the seconds that are expected.
    """
    expected = max(seconds, _SHORTEST)
    wait = min(expected, LONGEST_RETRY_AFTER_SECONDS)
    return [
        (b"retry-after", b"%d" % math.ceil(wait)),
        (b"retry-after-ms", b"%d" % math.ceil(wait * 1000)),
        (b"x-lamplighter-eta-seconds", b"%d" % math.ceil(expected)),
    ]


def error_body(message: str, kind: str, code: str, param: str | None = None) -> bytes:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return msgspec.json.encode({"error": error})
