"""One inference request from its headers to its last byte: let in, queued, delivered, told.

Everything here is called by the event loop, once for each thing that happens; nothing waits. That
is why a client that leaves is noticed in every phase, and what makes a request cheap.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.access.limits import Lease
from gateway.core.caller import Caller
from gateway.core.endpoints import Body
from gateway.core.errors import Headers, InternalError, ProxyError, RequestTimedOut
from gateway.core.log import logger
from gateway.core.request_record import Facts
from gateway.core.segmented_body import Pieces
from gateway.relay import request_checks, upstream_request
from gateway.relay.accounting import settle
from gateway.relay.dispatch import Errand
from gateway.relay.downstream import Downstream
from gateway.relay.services import Services
from gateway.request import decoding as bodies
from gateway.request.fields import Ask
from gateway.request.head import Arrival
from gateway.request.incremental import Reader
from gateway.request.upload import Upload
from gateway.response import keepalive
from gateway.response.writer import Reply

CLIENT_LEFT = 499  # nginx's number for it

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_EVENT_STREAM: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
_UNBUFFERED = (b"x-accel-buffering", b"no")  # nginx must not collect the tokens either


class Exchange(Downstream):
    """`ended` is called once, when nothing more of this request is to come."""

    __slots__ = (
        "_arrival", "_body", "_caller", "_ended", "_errand", "_estimate", "_held", "_is_begun",
        "_keepalive", "_lease", "_reader", "_services", "_transport", "_upload", "is_done",
        "is_uploaded",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        loop: asyncio.AbstractEventLoop,
        arrival: Arrival,
        transport: asyncio.Transport,
        ended: Callable[["Exchange"], None],
    ) -> None:
        self._services = services
        self._arrival = arrival
        self._transport = transport
        self._ended = ended
        self.loop = loop
        self._upload = Upload()
        self._body: Pieces | None = None  # a large one, while it is read
        self._reader: Reader | None = None
        self._held = 0  # bytes that count for `services.held`
        self._is_begun = self.is_uploaded = False
        self._caller: Caller | None = None
        self._lease: Lease | None = None
        self._errand: Errand | None = None
        self._keepalive: keepalive.KeepAlive | None = None
        self._estimate = 0
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
        """The body is no longer in memory."""
        held, self._held = self._held, 0
        if held and self._caller is not None:
            self._services.held.give_back(self._caller, held)

    def pause(self) -> None:
        self.is_paused = True
        if self._errand is not None and self._errand.delivery is not None:
            self._errand.delivery.pause()

    def resume(self) -> None:
        self.is_paused = False
        if self._errand is not None and self._errand.delivery is not None:
            self._errand.delivery.resume()

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

    def on_refused(self, error: ProxyError | None = None) -> None:
        """The backend takes no connections. `error`: what is told if there is no other one."""
        errand = self._errand
        if errand is not None:
            self.guarded(lambda: errand.refused(error))

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
            if not self.is_uploaded:
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
        caller = self._caller = request_checks.accept(
            self._services, self._arrival, self.facts.began
        )
        self.facts.key_id = caller.id
        if self._upload.size > self._most:
            self._refuse_size()
        self._hold()
        if self.is_uploaded:
            self._proceed()
        elif self._arrival.expects_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    @property
    def _most(self) -> int:
        return bodies.largest(self._arrival.endpoint.body, self._services.settings)

    def _refuse_size(self) -> None:
        raise bodies.too_large(self._arrival.endpoint.body, self._services.settings)

    def _hold(self) -> None:
        """Count the body: by its announced length, else by what has come. Raises as `take`."""
        announced = int(self._arrival.headers.get(b"content-length", 0))
        size = max(announced, self._upload.size)
        if size > self._held and self._caller is not None:
            services = self._services
            services.held.take(self._caller, size - self._held, size, services.settings)
            self._held = size

    def _proceed(self) -> None:
        """The body is in: read it, a large one piece by piece."""
        services, arrival, caller = self._services, self._arrival, self._caller
        if caller is None:
            return
        body = self._upload.take()
        if arrival.endpoint.body is Body.NONE:
            body = b""  # passed on without its length it would be a request of its own
        self.facts.request_bytes = len(body)
        if arrival.endpoint.operation == "models":
            self.answer(200, [_JSON], request_checks.models(services, caller, arrival.path))
        elif isinstance(body, bytes):
            self._send(caller, request_checks.read(services, arrival, body), body)
        else:
            self._body, self._reader = body, request_checks.reader(services, arrival, body)
            services.reading.add(self._read_on)

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
        bodies.check_limits(reader.ask, self._services.settings)
        self._send(caller, reader.ask, body, reader)

    def _send(
        self, caller: Caller, ask: Ask, body: bytes | Pieces, reader: Reader | None = None
    ) -> None:
        """Decide everything else, and send it or queue it."""
        services, arrival, facts = self._services, self._arrival, self.facts
        facts.stream = bool(ask.stream)
        target = request_checks.target(services, caller, ask.model)
        facts.model = target.served
        self._estimate = request_checks.estimate(body, arrival.endpoint, reader)
        self._lease = services.limiter.admit(caller, self._estimate, self.loop.time())
        job = upstream_request.make(
            services.settings, services.paces, arrival, ask, target, body, reader
        )
        if ask.stream:
            self._keep_alive()
        session = arrival.headers.get(b"x-session-id")
        self._errand = Errand(self, services, job, target, caller.priority)
        self._errand.send(services.routing.affinity(session, caller.id, body))

    def _keep_alive(self) -> None:
        most = self._services.settings.keepalive_seconds
        seconds = keepalive.interval(self._arrival.headers, most)
        if seconds is not None:
            self._keepalive = keepalive.KeepAlive(self.loop, seconds, self._ping)

    def _ping(self, seconds: float) -> None:
        delivery = self._errand.delivery if self._errand is not None else None
        if delivery is not None and not delivery.is_silent(seconds):
            return
        self.start_stream(200, _EVENT_STREAM)
        self.reply.data(self._arrival.endpoint.dialect.ping)

    def _own_headers(self) -> Headers:
        named = (b"x-request-id", self._arrival.request_id)
        return [named] if self._lease is None else [named, *self._lease.headers]

    def _finish(self) -> None:
        """Give back everything that was taken, once, and say how it ended.

        Nothing that knows this exchange is kept: no cycle is left to the collector.
        """
        if self.is_done:
            return
        self.is_done = True
        self._upload.drop()
        self._reader = self._body = None
        self.release_body()
        if self._keepalive is not None:
            self._keepalive.stop()
            self._keepalive = None
        errand, self._errand = self._errand, None
        delivery = None if errand is None else errand.end()
        facts = self.facts
        facts.seconds = time.perf_counter() - self.began
        facts.status = facts.status or self.reply.status
        facts.response_bytes = self.reply.bytes
        settle(facts, delivery, self._lease, self._services.paces, self._estimate)
        self._services.state.in_flight -= 1
        self._services.telling.answered(facts)
        self._ended(self)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
