"""One inference request from its headers to its last byte: admitted, queued, delivered, recorded.

Everything here is a callback of the event loop; nothing waits. That makes a request cheap, and a
client that leaves is noticed in every phase.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.backends.response_owners import Owner
from gateway.core.caller import Caller
from gateway.core.endpoints import Body
from gateway.core.errors import (
    GatewayError,
    Headers,
    RequestTimedOut,
    UnknownModel,
)
from gateway.core.request_record import RequestRecord
from gateway.core.segmented_body import SegmentedBody
from gateway.relay import request_checks, upstream_request
from gateway.relay.accounting import settle
from gateway.relay.answering import Answering
from gateway.relay.dispatch import Dispatch
from gateway.relay.services import Services
from gateway.request import decoding as bodies
from gateway.request.compression import CODINGS, Decompressor
from gateway.request.head import RequestHead
from gateway.request.incremental import Reader
from gateway.request.parameters import Parameters
from gateway.request.upload import Upload
from gateway.response import cors, keepalive
from gateway.response.writer import ResponseWriter

CLIENT_LEFT = 499  # nginx's number for it

_JSON = (b"content-type", b"application/json")
_EVENT_STREAM: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]


class Exchange(Answering):
    """`ended` is called once, after the last byte of the request's answer."""

    __slots__ = (
        "_body", "_caller", "_dispatch", "_ended", "_estimate", "_has_looked", "_held", "_is_begun",
        "_keepalive", "_plain", "_reader", "_services", "_transport", "_upload",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        loop: asyncio.AbstractEventLoop,
        head: RequestHead,
        transport: asyncio.Transport,
        ended: Callable[["Exchange"], None],
    ) -> None:
        self._services = services
        self._head = head
        self._transport = transport
        self._ended = ended
        self.loop = loop
        self._upload = Upload()
        self._body: SegmentedBody | None = None  # a large one, while it is read
        self._reader: Reader | None = None
        self._plain: Decompressor | None = None  # of a compressed body, while it is taken apart
        self._cors = []
        self._held = 0  # bytes that count for `services.body_memory`
        self._is_begun = self.is_uploaded = False
        self._caller: Caller | None = None
        self._lease = None
        self._dispatch: Dispatch | None = None
        self._keepalive: keepalive.KeepAlive | None = None
        self._estimate = 0
        self._has_looked = False
        self.is_done = False
        self.is_paused = False  # the client does not read: nothing more is to be fetched
        self.writer = ResponseWriter(
            transport,
            keep_alive=head.keep_alive,
            chunks=head.version == "1.1",
            is_head=head.method == b"HEAD",
        )
        self.record = RequestRecord(
            method=head.method.decode("ascii"),
            path=head.path[:200].decode("latin-1"),
            operation=head.endpoint.operation,
            request_id=head.request_id.decode("ascii"),
            client=head.client,
            traceparent=_text(head.headers.get(b"traceparent")),
        )

    # -- the client's connection calls these -------------------------------------------------

    def begin(self) -> None:
        """Start: it is the first of the connection's pipelined requests."""
        self._is_begun = True
        self.began = time.perf_counter()
        self.record.began = time.time()
        self._services.state.in_flight += 1
        self.guarded(self._accept)

    def receive(self, data: bytes) -> None:
        """Take a part of the body of a request that was not refused."""
        self._upload.add(data)
        if self._upload.size <= self._most:
            if self._caller is not None and self._upload.size > self._held:
                self.guarded(self._hold)
            return
        self._upload.drop()
        if self._is_begun:  # else it is refused when its turn comes
            self.guarded(self._refuse_size)

    def receive_end(self) -> None:
        self.is_uploaded = True
        if self._caller is not None and not self.is_done:
            self.guarded(self._proceed)

    def client_left(self) -> None:
        if not self.is_done:
            self.record.status = CLIENT_LEFT
            self._finish()

    @property
    def response_complete(self) -> bool:
        """As uvicorn asks for it."""
        return self.is_done

    @property
    def keep_alive(self) -> bool:
        return self.writer.keep_alive

    @keep_alive.setter
    def keep_alive(self, value: bool) -> None:
        """Uvicorn sets it when it stops; the answer's headers may have been sent before."""
        self.writer.keep_alive = value

    @property
    def received(self) -> int:
        """Bytes of the body that have come."""
        return self._upload.size

    def check_upload(self) -> None:
        """End the request if its body arrives too slowly; called once a second."""
        if self.is_uploaded or self.is_done:
            return
        why = self._upload.why_too_slow(time.perf_counter() - self.began, self._services.settings)
        if why is not None:
            self.fail(RequestTimedOut(why))

    def release_body(self) -> None:
        held, self._held = self._held, 0
        if held and self._caller is not None:
            self._services.body_memory.give_back(self._caller, held)

    def pause(self) -> None:
        self.is_paused = True
        if self._dispatch is not None and self._dispatch.delivery is not None:
            self._dispatch.delivery.pause()

    def resume(self) -> None:
        self.is_paused = False
        if self._dispatch is not None and self._dispatch.delivery is not None:
            self._dispatch.delivery.resume()

    # -- the delivery calls these ------------------------------------------------------------

    def on_refused(self, error: GatewayError | None = None) -> None:
        dispatch = self._dispatch
        if dispatch is not None:
            self.guarded(lambda: dispatch.refused(error))

    def may_move(self, *, to_fallback: bool = False) -> bool:
        dispatch = self._dispatch
        if self.writer.status or dispatch is None:
            return False
        return dispatch.may_move(to_fallback=to_fallback)

    def move(self, reason: str, *, to_fallback: bool = False) -> None:
        dispatch = self._dispatch
        if dispatch is not None:
            self.guarded(lambda: dispatch.move(reason, to_fallback=to_fallback))

    def created(self, response_id: str) -> None:
        delivery = self._dispatch.delivery if self._dispatch is not None else None
        if delivery is not None and self._caller is not None:
            owner = Owner(delivery.backend, self._caller.id, self.record.model)
            self._services.owners.remember(response_id, owner)

    # ----------------------------------------------------------------------------------------

    def _accept(self) -> None:
        origins = self._services.settings.cors_origins
        if origins:
            self._cors = cors.headers(self._head.headers, origins)
            if cors.is_preflight(self._head.method, self._head.headers, self._cors):
                self.answer(200, cors.PREFLIGHT, b"")
                return
        caller = self._caller = request_checks.accept(self._services, self._head, self.record.began)
        self.record.key_id = caller.id
        if self._upload.size > self._most:
            self._refuse_size()
        self._hold()
        if self.is_uploaded:
            self._proceed()
        elif self._head.expects_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    @property
    def _most(self) -> int:
        return bodies.largest(self._head.endpoint.body, self._services.settings)

    def _refuse_size(self) -> None:
        raise bodies.too_large(self._head.endpoint.body, self._services.settings)

    def _hold(self) -> None:
        """Count the body: by its announced length, else by what has come. Raises as `take`."""
        announced = int(self._head.headers.get(b"content-length", 0))
        self._hold_bytes(max(announced, self._upload.size))

    def _hold_bytes(self, size: int) -> None:
        """Count so many bytes in all. Raises as `take`."""
        if size > self._held and self._caller is not None:
            services = self._services
            services.body_memory.take(self._caller, size - self._held, size, services.settings)
            self._held = size

    def _proceed(self) -> None:
        """The body is in: read it, a large one piece by piece."""
        services, head, caller = self._services, self._head, self._caller
        if caller is None:
            return
        body = self._upload.take()
        coding = head.headers.get(b"content-encoding", b"").lower()
        if head.endpoint.body is not Body.NONE and coding in CODINGS and body:
            most = services.settings.max_body
            self._plain = Decompressor(coding, body, most, self._hold_bytes)
            services.read_scheduler.add(self._decompress_on)
        else:
            self._read(body)

    def _decompress_on(self) -> bool:
        """Decompress the next piece; return whether there is another one."""
        if not self.is_done:
            self.guarded(self._decompress)
        return not self.is_done and self._plain is not None

    def _decompress(self) -> None:
        plain = self._plain
        if plain is not None and not plain.step():
            self._plain = None
            self._read(plain.taken())

    def _read(self, body: bytes | SegmentedBody) -> None:
        services, head, caller = self._services, self._head, self._caller
        if caller is None:
            return
        if head.endpoint.body is Body.NONE:
            body = b""  # passed on without its length it would be a request of its own
        elif head.endpoint.body is Body.JSON:
            body = bodies.without_mark(body)
        self.record.request_bytes = len(body)
        if head.endpoint.operation == "models":
            self.answer(200, [_JSON], request_checks.models(services, caller, head.path))
        elif isinstance(body, bytes):
            self._send(caller, request_checks.read(services, head, body), body)
        else:
            self._body, self._reader = body, request_checks.reader(services, head, body)
            services.read_scheduler.add(self._read_on)

    def _read_on(self) -> bool:
        """Read the next piece of a large body; return whether there is another one."""
        if not self.is_done:
            self.guarded(self._read_piece)
        return not self.is_done and self._body is not None

    def _read_piece(self) -> None:
        reader, body, caller = self._reader, self._body, self._caller
        if reader is None or body is None or caller is None or reader.read():
            return
        self._reader = self._body = None
        bodies.check_limits(reader.parameters, self._services.settings)
        self._send(caller, reader.parameters, body, reader)

    def _send(
        self,
        caller: Caller,
        parameters: Parameters,
        body: bytes | SegmentedBody,
        reader: Reader | None = None,
    ) -> None:
        """Decide everything else, and send it or queue it."""
        services, head, record = self._services, self._head, self.record
        record.stream = bool(parameters.stream)
        owner = request_checks.owner(services, caller, head, parameters)
        asked = parameters.model or (None if owner is None else owner.model)
        try:
            target = request_checks.target(services, caller, head.endpoint, asked)
        except UnknownModel:
            if self._has_looked:
                raise
            self._has_looked = True
            services.look_again(lambda: self._send_again(caller, parameters, body, reader))
            return
        record.model = target.served
        cost = request_checks.cost(services.settings, head.endpoint, parameters, body, reader)
        self._estimate = cost.tokens
        self._lease = services.limiter.admit(caller, cost, self.loop.time())
        upstream = upstream_request.make(
            services.settings,
            services.speeds,
            head,
            parameters,
            target,
            body,
            reader,
            services.salts.of(caller.id) if services.settings.cache_salt else None,
        )
        if parameters.stream:
            self._keep_alive()
        session = head.headers.get(b"x-session-id")
        home = None if owner is None else owner.backend
        self._dispatch = Dispatch(self, services, upstream, target, caller.priority, home)
        self._dispatch.send(services.routing.affinity(session, caller.id, body))

    def _send_again(
        self,
        caller: Caller,
        parameters: Parameters,
        body: bytes | SegmentedBody,
        reader: Reader | None,
    ) -> None:
        """The backends were asked again which models they serve."""
        if not self.is_done:
            self.guarded(lambda: self._send(caller, parameters, body, reader))

    def _keep_alive(self) -> None:
        settings = self._services.settings
        most = settings.keepalive_seconds
        seconds = keepalive.interval(self._head.headers, most)
        if seconds is None and settings.heartbeats:
            seconds = most
        if seconds is not None:
            self._keepalive = keepalive.KeepAlive(self.loop, seconds, self._ping)

    def _ping(self, seconds: float) -> None:
        delivery = self._dispatch.delivery if self._dispatch is not None else None
        if delivery is not None and not delivery.is_silent(seconds):
            return
        self.start_stream(200, _EVENT_STREAM)
        self.writer.data(self._head.endpoint.dialect.ping)

    def _finish(self) -> None:
        """Release everything that was taken, once, and record how it ended.

        No reference to this exchange is kept: no cycle is left to the garbage collector.
        """
        if self.is_done:
            return
        self.is_done = True
        self._upload.drop()
        self._reader = self._body = self._plain = None
        self.release_body()
        if self._keepalive is not None:
            self._keepalive.stop()
            self._keepalive = None
        dispatch, self._dispatch = self._dispatch, None
        delivery = None if dispatch is None else dispatch.end()
        record = self.record
        record.seconds = time.perf_counter() - self.began
        record.status = record.status or self.writer.status
        record.response_bytes = self.writer.bytes
        settle(record, delivery, self._lease, self._services.speeds, self._estimate)
        self._services.state.in_flight -= 1
        self._services.recorder.record(record)
        self._ended(self)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
