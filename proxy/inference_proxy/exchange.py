"""One inference request from its headers to its last byte: let in, queued, delivered, told.

Everything here is called by the event loop, once for each thing that happens; nothing waits. That
is why a client that leaves is noticed in every phase, and what makes a request cheap.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from inference_proxy import body as bodies
from inference_proxy import jobs, keepalive, routes
from inference_proxy.arrival import Arrival, accept
from inference_proxy.backends import Backend
from inference_proxy.body import Ask
from inference_proxy.delivery import Delivery
from inference_proxy.errors import (
    BackendUnavailable,
    EngineDisabled,
    Forbidden,
    Headers,
    InternalError,
    ProxyError,
)
from inference_proxy.facts import Facts
from inference_proxy.keys import Caller
from inference_proxy.limits import Lease
from inference_proxy.log import logger
from inference_proxy.reply import Reply
from inference_proxy.routes import Body, Endpoint
from inference_proxy.target import Target
from inference_proxy.timeouts import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from inference_proxy.gateway import Gateway

CLIENT_LEFT = 499  # nginx's number for it

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_EVENT_STREAM: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
_UNBUFFERED = (b"x-accel-buffering", b"no")  # nginx must not collect the tokens either


class Exchange:
    """`ended` is called once, when nothing more of this request is to come."""

    __slots__ = (
        "_arrival", "_caller", "_delivery", "_ended", "_estimate", "_gateway", "_is_begun",
        "_is_queued", "_is_uploaded", "_job", "_keepalive", "_lease", "_parts",
        "_queued_at", "_size", "_transport", "_tried", "began", "facts", "is_done", "is_paused",
        "loop", "priority", "reply", "target", "tokens", "watches",
    )  # fmt: skip

    def __init__(
        self,
        gateway: "Gateway",
        arrival: Arrival,
        transport: asyncio.Transport,
        ended: Callable[["Exchange"], None],
    ) -> None:
        self._gateway = gateway
        self._arrival = arrival
        self._transport = transport
        self._ended = ended
        self.loop = gateway.loop
        self.watches = gateway.watches
        self._parts: list[bytes] = []
        self._size = 0
        self._is_begun = self._is_uploaded = False
        self._is_queued = False
        self._lease: Lease | None = None
        self._delivery: Delivery | None = None
        self._keepalive: keepalive.KeepAlive | None = None
        self._tried: list[Backend] = []
        self._queued_at = 0.0
        self.priority = 0
        self.tokens: tuple[int | None, int | None] = (None, None)
        self.is_done = False
        self.is_paused = False  # the client does not read: nothing more is to be fetched
        self.reply = Reply(
            transport,
            keep_alive=arrival.keep_alive,
            chunks=arrival.version == "1.1",
            is_head=arrival.method == b"HEAD",
        )
        self.facts = Facts(
            method=arrival.method.decode("ascii"),
            path=arrival.path[:200].decode("latin-1"),
            operation=arrival.endpoint.operation,
            request_id=arrival.request_id.decode("ascii"),
            client=arrival.client,
            traceparent=_text(arrival.headers.get(b"traceparent")),
        )

    # -- the client's connection calls these -------------------------------------------------

    def begin(self) -> None:
        """Its turn has come on this connection (requests may be pipelined)."""
        self._is_begun = True
        self.began = time.perf_counter()
        self.facts.began = time.time()
        self._gateway.in_flight += 1
        self.guarded(self._accept)

    def receive(self, data: bytes) -> None:
        """Take a part of the body; of a request that was refused it is dropped."""
        self._size += len(data)
        if self.is_done:
            return
        if self._size <= self._gateway.settings.max_body:
            self._parts.append(data)
            return
        self._parts.clear()
        if self._is_begun:  # else it is told when its turn comes
            self.guarded(self._refuse_size)

    def receive_end(self) -> None:
        self._is_uploaded = True
        if self._is_begun and not self.is_done:
            self.guarded(self._proceed)

    def client_left(self) -> None:
        if not self.is_done:
            self.facts.status = CLIENT_LEFT
            self._finish()

    @property
    def response_complete(self) -> bool:
        """As uvicorn asks for it."""
        return self.is_done

    @property
    def keep_alive(self) -> bool:
        return self.reply.keep_alive

    @keep_alive.setter
    def keep_alive(self, value: bool) -> None:
        """uvicorn, when it is told to stop; the answer may have said otherwise already."""
        self.reply.keep_alive = value

    @property
    def is_uploaded(self) -> bool:
        return self._is_uploaded

    @property
    def uploading_for(self) -> float:
        """Seconds since its headers, while its body is still to come; else 0."""
        return 0.0 if self._is_uploaded or self.is_done else time.perf_counter() - self.began

    def pause(self) -> None:
        self.is_paused = True
        if self._delivery is not None:
            self._delivery.pause()

    def resume(self) -> None:
        self.is_paused = False
        if self._delivery is not None:
            self._delivery.resume()

    # -- the admission queue calls these -----------------------------------------------------

    def admitted(self, backend: Backend) -> None:
        self.facts.queued = self.loop.time() - self._queued_at
        self.guarded(lambda: self._deliver(backend))

    def expired(self) -> None:
        self.facts.queued = self.loop.time() - self._queued_at
        self.fail(self._gateway.admission.refusal(self))

    # -- the delivery calls these ------------------------------------------------------------

    def start_stream(self, status: int, headers: Headers) -> None:
        if not self.reply.status:
            self.reply.start_stream(status, [*headers, _UNBUFFERED, *self._own_headers()])

    def complete_stream(self) -> None:
        self.reply.end_stream()
        self._finish()

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer as a whole; on a stream that was already begun it is the only event."""
        if self.reply.status:
            self.reply.data(b"data: " + body.replace(b"\n", b" ") + b"\n\ndata: [DONE]\n\n")
            self.reply.end_stream()
        else:
            self.reply.whole(status, headers + self._own_headers(), body)
        self._finish()

    def on_refused(self, delivery: Delivery, error: ProxyError | None = None) -> None:
        """The backend takes no connections: nothing was sent, so another one may be asked.

        `error`: what the client is told if there is none.
        """
        self._tried.append(delivery.backend)
        self._let_go()
        self.guarded(lambda: self._try_another(error))

    def fail(self, error: ProxyError) -> None:
        """Tell the client: as an answer if none was begun, else as the stream's last events."""
        if self.is_done:
            return
        self.facts.error = error.code
        dialect = self._arrival.endpoint.dialect
        if self.reply.status:
            self.reply.data(dialect.in_band(error, self.facts.request_id))
            self.reply.end_stream()
        else:
            if not self._is_uploaded:
                self.reply.keep_alive = False  # the rest of the body is still to come
            body = error.raw or dialect.body(error, self.facts.request_id)
            said = error.headers()
            if _CLOSE in said:
                self.reply.keep_alive = False
                said.remove(_CLOSE)
            headers = [_JSON, *said, *self._own_headers()]
            self.reply.whole(error.status, headers, body)
        self._finish()

    def guarded(self, step: Callable[[], None]) -> None:
        """Do it; whatever goes wrong is told to the client."""
        try:
            step()
        except ProxyError as error:
            self.fail(error)
        except Exception:  # noqa: BLE001 -- a defect of ours is one request's, not everybody's
            logger.exception("a request met a defect of the gateway")
            self.fail(InternalError("The gateway failed on this request; its log says why."))

    # ----------------------------------------------------------------------------------------

    def _accept(self) -> None:
        self._caller = caller = accept(self._gateway, self._arrival, self.facts.began)
        self.facts.key_id = caller.id
        self.priority = caller.priority
        if self._size > self._gateway.settings.max_body:
            self._refuse_size()
        elif self._is_uploaded:
            self._proceed()
        elif self._arrival.expects_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse_size(self) -> None:
        raise bodies.too_large(self._gateway.settings.max_body)

    def _proceed(self) -> None:
        """The body is in: decide everything else, and send it or queue it."""
        gateway, arrival, facts = self._gateway, self._arrival, self.facts
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        facts.request_bytes = len(body)
        if arrival.endpoint.operation == "models":
            self._list_models()
            return
        ask = self._read(body)
        facts.stream = bool(ask.stream)
        if not gateway.settings.engine_enabled:
            raise EngineDisabled("This deployment runs without an inference engine.")
        self.target = target = gateway.routing.resolve(ask.model)
        facts.model = target.served
        _check_model(self._caller, ask.model, target)
        self._estimate = _tokens(body, arrival.endpoint)
        self._lease = gateway.limiter.admit(self._caller, self._estimate, self.loop.time())
        self._job = jobs.make(gateway.settings, gateway.paces, arrival, ask, target, body)
        if ask.stream:
            self._keep_alive()
        session = arrival.headers.get(b"x-session-id")
        self._choose(gateway.routing.affinity(session, self._caller.id, body))

    def _read(self, body: bytes) -> Ask:
        endpoint, headers = self._arrival.endpoint, self._arrival.headers
        if endpoint.body is Body.NONE:
            return Ask()
        self._gateway.filters.check_body(self._arrival.path, body)
        kind = headers.get(b"content-type", b"")
        return bodies.decode(body, endpoint.body, kind, self._gateway.settings)

    def _list_models(self) -> None:
        routing, path = self._gateway.routing, self._arrival.path.decode("latin-1")
        if not self._gateway.settings.engine_enabled:
            raise EngineDisabled("This deployment runs without an inference engine.")
        name = unquote(path.removeprefix(routes.MODELS).removeprefix("/"))
        said = (
            routing.model_document(name) if name else routing.models_document(self._caller.models)
        )
        self.answer(200, [_JSON], said)

    def _choose(self, affinity: bytes | None) -> None:
        """Raises BackendUnavailable, ModelLoading, Overloaded."""
        backend = self._gateway.routing.choose(self.target, self.priority, affinity, self._tried)
        if backend is None:
            self._queued_at = self.loop.time()
            self._gateway.admission.enter(self, self.priority, self.target, self._queued_at)
            self._is_queued = True
        else:
            self._deliver(backend)

    def _deliver(self, backend: Backend) -> None:
        self._is_queued = False
        self.facts.backend = backend.name
        self._delivery = Delivery(self, backend, self._job)
        self._delivery.start()

    def _try_another(self, error: ProxyError | None) -> None:
        self.facts.retried = True
        try:
            self._choose(None)
        except BackendUnavailable:
            if error is None:
                raise
            raise error from None

    def _keep_alive(self) -> None:
        most = self._gateway.settings.keepalive_seconds
        seconds = keepalive.interval(self._arrival.headers, most)
        if seconds is not None:
            self._keepalive = keepalive.KeepAlive(self.loop, seconds, self._ping)

    def _ping(self, seconds: float) -> None:
        delivery = self._delivery
        if delivery is not None and not delivery.is_silent(seconds):
            return
        self.start_stream(200, _EVENT_STREAM)
        self.reply.data(self._arrival.endpoint.dialect.ping)

    def _own_headers(self) -> Headers:
        named = (b"x-request-id", self._arrival.request_id)
        return [named] if self._lease is None else [named, *self._lease.headers]

    def _let_go(self) -> None:
        delivery, self._delivery = self._delivery, None
        if delivery is not None:
            delivery.release()
            self._gateway.admission.released(delivery.backend)

    def _finish(self) -> None:
        """Give back everything that was taken, once, and say how it ended."""
        if self.is_done:
            return
        self.is_done = True
        if self._keepalive is not None:
            self._keepalive.stop()
        if self._is_queued:
            self.facts.queued = self.loop.time() - self._queued_at
            self._gateway.admission.leave(self)
        delivery = self._delivery
        self._let_go()
        self._account(delivery)
        self._gateway.in_flight -= 1
        self._gateway.telling.answered(self.facts)
        self._ended(self)

    def _account(self, delivery: Delivery | None) -> None:
        facts = self.facts
        facts.seconds = time.perf_counter() - self.began
        facts.status = facts.status or self.reply.status
        facts.response_bytes = self.reply.bytes
        if delivery is not None:
            facts.first_byte, facts.chunks = delivery.first_byte, delivery.chunks
            if delivery.events is not None:
                self.tokens = delivery.events.usage()
            given, made = self.tokens
            # What broke off is charged all the same: its prompt was read, its chunks were made.
            facts.prompt_tokens = self._estimate if given is None else given
            facts.completion_tokens = facts.chunks if made is None else made
        if self._lease is not None:
            self._lease.settle(facts.prompt_tokens or 0, facts.completion_tokens or 0)
        if facts.first_byte is not None and facts.stream and facts.error is None:
            self._gateway.paces.seen(
                facts.model,
                self._estimate,
                facts.chunks,
                facts.first_byte,
                facts.seconds - facts.queued,
            )


def _check_model(caller: Caller, asked: str | None, target: Target) -> None:
    allowed = caller.models
    if allowed is not None and asked not in allowed and target.served not in allowed:
        raise Forbidden("This key may not use that model.", code="model_not_allowed", param="model")


def _tokens(body: bytes, endpoint: Endpoint) -> int:
    """Return about how many tokens a prompt has; audio and images are not text."""
    if endpoint.body is not Body.JSON or b";base64," in body:
        return 0
    return len(body) // BYTES_PER_TOKEN


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
