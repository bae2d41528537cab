"""What is sent to a backend: the request's bytes, edited where they must be, and its budgets."""

from collections.abc import Mapping

from gateway.backends.target import Target
from gateway.core.endpoints import Body, Endpoint
from gateway.core.segmented_body import Pieces
from gateway.relay.timeouts import Budgets, Paces, budgets, patience
from gateway.request import edits
from gateway.request.fields import Ask
from gateway.request.head import Arrival
from gateway.request.incremental import Reader, edited
from gateway.settings.gateway_settings import Settings

# What a backend hears of the request's headers. Everything else stays here, the key above all.
_FORWARDED = (b"content-type", b"accept", b"traceparent", b"tracestate")


class Job:
    """`head` lacks the lines that belong to a backend. `strips`: we asked for the usage, and the
    client is not to see it. `model`: as the client named it. `body` is let go of once an answer
    begins: streams take long.
    """

    __slots__ = ("body", "endpoint", "head", "limits", "model", "strips")

    def __init__(
        self,
        endpoint: Endpoint,
        model: str | None,
        head: bytes,
        body: bytes | Pieces,
        limits: Budgets,
        *,
        strips: bool,
    ) -> None:
        self.endpoint = endpoint
        self.head = head
        self.body = body
        self.limits = limits
        self.model = model
        self.strips = strips


def make(
    settings: Settings,
    paces: Paces,
    arrival: Arrival,
    ask: Ask,
    target: Target,
    body: bytes | Pieces,
    reader: Reader | None = None,
) -> Job:
    """`reader`: what has read a large body. Raises InvalidRequest."""
    endpoint, headers = arrival.endpoint, arrival.headers
    pace = paces.of(target.served)
    limits = budgets(ask, settings, pace, len(body), patience(headers))
    strips = bool(ask.stream and endpoint.injects and settings.count_usage and not _told(ask))
    served = target.served if target.edit else None
    if not isinstance(body, bytes):
        if reader is not None and (served is not None or strips):
            body = edited(body, reader, served, counts=strips)
    else:
        if served is not None:
            body = edits.rename(body, served, endpoint.body, headers.get(b"content-type", b""))
        if strips:
            body = edits.ask_for_usage(body, ask)
    head = _head(endpoint, headers, arrival.request_id, body)
    return Job(endpoint, ask.model, head, body, limits, strips=strips)


def _told(ask: Ask) -> bool:
    return ask.stream_options is not None and bool(ask.stream_options.include_usage)


def _head(
    endpoint: Endpoint, headers: Mapping[bytes, bytes], request_id: bytes, body: bytes | Pieces
) -> bytes:
    lines = [name + b": " + headers[name] for name in _FORWARDED if name in headers]
    lines.append(b"x-request-id: " + request_id)
    if endpoint.body is not Body.NONE:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n"
