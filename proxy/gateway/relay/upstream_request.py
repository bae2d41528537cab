"""What is sent to a backend: the request's bytes, edited where they must be, and its budgets.

Backends differ in what they call a model, and in what they take: a fallback is no vLLM, and public
APIs refuse fields that they do not know. So the bytes are made for the backend that gets them.
"""

import msgspec

from gateway.backends.backend import Backend
from gateway.backends.target import Target
from gateway.core.endpoints import Body, Endpoint
from gateway.core.segmented_body import SegmentedBody
from gateway.relay.timeouts import Budgets, ModelSpeeds, budgets, client_timeout
from gateway.request import edits
from gateway.request.head import RequestHead
from gateway.request.incremental import Reader, edited
from gateway.request.parameters import Parameters
from gateway.settings.gateway_settings import Settings
from gateway.telemetry.metrics import PROBE_ID

# The headers that are forwarded. Everything else stays here, the key above all.
_FORWARDED = (b"content-type", b"accept", b"traceparent", b"tracestate")
_TO_VLLM = (*_FORWARDED, b"endpoint-load-metrics-format", b"x-data-parallel-rank")

_SALTED = frozenset({"chat", "chat_batch", "text_completion", "responses", "messages"})
_NULL = b"null"
_FALLBACK, _PROBE = b"x-lamplighter-fallback", PROBE_ID.encode()


class UpstreamRequest:
    """`head` and `body` are what is sent, once `fit` has made them; `head` lacks the lines that
    belong to a backend. `strips`: we asked for the usage, and the client is not to see it.
    `may_move`: another backend may do it instead. `is_bound`: no fallback may, for it is about what
    a backend keeps, or asks about the own engine.
    `model`: as the client named it. Bodies are dropped once an answer begins: streams take long.
    """

    __slots__ = (
        "_body", "_head", "_parameters", "_reader", "_salt", "body", "endpoint", "head", "is_bound",
        "limits", "may_move", "model", "strips",
    )  # fmt: skip

    def __init__(
        self,
        head: RequestHead,
        parameters: Parameters,
        body: bytes | SegmentedBody,
        reader: Reader | None,
        limits: Budgets,
        salt: bytes | None,
        *,
        strips: bool,
    ) -> None:
        endpoint = head.endpoint
        self._head = head
        self._parameters: Parameters | None = parameters
        self._reader = reader
        self._salt = salt
        self._body = body
        self.head = b""
        self.body = body
        self.endpoint = endpoint
        self.limits = limits
        self.model = parameters.model or None
        self.strips = strips
        follows = bool(parameters.previous_response_id)
        self.may_move = (
            not (follows or parameters.store or parameters.background)
            and endpoint.body is not Body.NONE
        )
        self.is_bound = follows or _wants_own(head)

    def fit(self, backend: Backend, target: Target) -> None:
        """Make head and body as this backend takes them. Raises InvalidRequest."""
        parameters = self._parameters
        if parameters is None:
            return  # an answer has begun
        served = target.served if target.edit else None
        if backend.names and target.served is not None:
            served = backend.names.get(target.served, served)
        if self.endpoint.body is Body.NONE:
            served = None
        body = self._body
        if served is not None or self.strips:
            body = self._edited(body, parameters, served)
        if self._salt is not None and not backend.fallback:
            body = edits.with_field(body, b'"cache_salt":"%b"' % self._salt)
        self.body = body
        self.head = _lines(self._head, body, is_vllm=not backend.fallback)

    def drop(self) -> None:
        """The body is not needed any more."""
        self.body = self._body = b""
        self._parameters = self._reader = None

    def _edited(
        self, body: bytes | SegmentedBody, parameters: Parameters, served: str | None
    ) -> bytes | SegmentedBody:
        """`served`: the model's name, None if it stays as the client wrote it."""
        if served is not None and self.model is None:  # it follows from an earlier response
            body = edits.with_field(body, b'"model":' + msgspec.json.encode(served))
            served = None
        if not isinstance(body, bytes):
            if self._reader is None:
                return body
            return edited(body, self._reader, served, counts=self.strips)
        if served is not None:
            kind = self._head.headers.get(b"content-type", b"")
            body = edits.rename(body, served, self.endpoint.body, kind)
        return edits.ask_for_usage(body, parameters) if self.strips else body


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
    """`reader`: what has read a large body; `salt`: of its caller."""
    endpoint = head.endpoint
    limits = budgets(
        parameters,
        settings,
        speeds.of(target.served),
        len(body),
        client_timeout(head.headers),
        generates=endpoint.generates and endpoint.body is Body.JSON,
    )
    counts = endpoint.injects and settings.count_usage
    strips = bool(parameters.stream and counts and not _asks_for_usage(parameters))
    if salt is not None and not _is_salted(endpoint, parameters):
        salt = None
    return UpstreamRequest(head, parameters, body, reader, limits, salt, strips=strips)


def _wants_own(head: RequestHead) -> bool:
    """Whether the client wants no fallback: what asks whether the engine works must not get one."""
    return head.headers.get(_FALLBACK) == b"no" or head.request_id.startswith(_PROBE)


def _is_salted(endpoint: Endpoint, parameters: Parameters) -> bool:
    return endpoint.operation in _SALTED and bytes(parameters.cache_salt) == _NULL


def _asks_for_usage(parameters: Parameters) -> bool:
    return parameters.stream_options is not None and bool(parameters.stream_options.include_usage)


def _lines(head: RequestHead, body: bytes | SegmentedBody, *, is_vllm: bool) -> bytes:
    headers, names = head.headers, _TO_VLLM if is_vllm else _FORWARDED
    lines = [name + b": " + headers[name] for name in names if name in headers]
    lines.append(b"x-request-id: " + head.request_id)
    if head.endpoint.body is not Body.NONE:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n"
