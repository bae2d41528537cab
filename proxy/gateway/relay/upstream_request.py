"""What is sent to a backend: the request's bytes, edited where they must be, and its budgets."""

from collections.abc import Mapping

from gateway.backends.target import Target
from gateway.core.endpoints import Body, Endpoint
from gateway.core.segmented_body import SegmentedBody
from gateway.relay.timeouts import Budgets, ModelSpeeds, budgets, client_timeout
from gateway.request import edits
from gateway.request.head import RequestHead
from gateway.request.incremental import Reader, edited
from gateway.request.parameters import Parameters
from gateway.settings.gateway_settings import Settings

# The headers that are forwarded. Everything else stays here, the key above all.
_FORWARDED = (
    b"content-type", b"accept", b"traceparent", b"tracestate", b"endpoint-load-metrics-format",
    b"x-data-parallel-rank",
)  # fmt: skip

_SALTED = frozenset({"chat", "chat_batch", "text_completion", "responses", "messages"})
_NULL = b"null"


class UpstreamRequest:
    """`head` lacks the lines that belong to a backend. `strips`: we asked for the usage, and the
    client is not to see it. `may_move`: another backend may do it instead. `model`: as the client
    named it. `body` is dropped once an answer
    begins: streams take long.
    """

    __slots__ = ("body", "endpoint", "head", "limits", "may_move", "model", "strips")

    def __init__(
        self,
        endpoint: Endpoint,
        model: str | None,
        head: bytes,
        body: bytes | SegmentedBody,
        limits: Budgets,
        *,
        strips: bool,
        may_move: bool,
    ) -> None:
        self.may_move = may_move
        self.endpoint = endpoint
        self.head = head
        self.body = body
        self.limits = limits
        self.model = model
        self.strips = strips


def make(
    settings: Settings,
    speeds: ModelSpeeds,
    head: RequestHead,
    parameters: Parameters,
    target: Target,
    body: bytes | SegmentedBody,
    reader: Reader | None = None,
    salt: bytes | None = None,
) -> UpstreamRequest:
    """`reader`: what has read a large body; `salt`: of its caller. Raises InvalidRequest."""
    endpoint, headers = head.endpoint, head.headers
    speed = speeds.of(target.served)
    limits = budgets(
        parameters,
        settings,
        speed,
        len(body),
        client_timeout(headers),
        generates=endpoint.generates and endpoint.body is Body.JSON,
    )
    counts = endpoint.injects and settings.count_usage
    strips = bool(parameters.stream and counts and not _asks_for_usage(parameters))
    served = target.served if target.edit else None
    if not isinstance(body, bytes):
        if reader is not None and (served is not None or strips):
            body = edited(body, reader, served, counts=strips)
    else:
        if served is not None:
            body = edits.rename(body, served, endpoint.body, headers.get(b"content-type", b""))
        if strips:
            body = edits.ask_for_usage(body, parameters)
    if salt is not None and endpoint.operation in _SALTED and bytes(parameters.cache_salt) == _NULL:
        body = edits.with_field(body, b'"cache_salt":"%b"' % salt)
    lines = _lines(endpoint, headers, head.request_id, body)
    return UpstreamRequest(
        endpoint,
        parameters.model or None,
        lines,
        body,
        limits,
        strips=strips,
        may_move=not (parameters.store or parameters.background or parameters.previous_response_id)
        and endpoint.body is not Body.NONE,
    )


def _asks_for_usage(parameters: Parameters) -> bool:
    return parameters.stream_options is not None and bool(parameters.stream_options.include_usage)


def _lines(
    endpoint: Endpoint,
    headers: Mapping[bytes, bytes],
    request_id: bytes,
    body: bytes | SegmentedBody,
) -> bytes:
    lines = [name + b": " + headers[name] for name in _FORWARDED if name in headers]
    lines.append(b"x-request-id: " + request_id)
    if endpoint.body is not Body.NONE:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n"
