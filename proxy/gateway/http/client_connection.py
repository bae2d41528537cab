"""A client's connection: inference requests are taken over here, pages go to Litestar.

uvicorn's protocol parses, and keeps the order of pipelined requests. What it hands to an ASGI
application costs a task and a dozen awaits for each request and two awaits for each chunk, and an
ASGI application learns that a client left only when it polls: so an `Exchange` takes the place of
uvicorn's cycle for the paths of `routes`.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.access.client_address import ClientAddresses
from gateway.core import endpoints
from gateway.core.errors import GatewayError, InvalidRequest, RequestTimedOut
from gateway.http import upgrade
from gateway.http.strict_head import MOST_BYTES, is_one_request
from gateway.relay.exchange import Exchange
from gateway.relay.services import Services
from gateway.request.head import RequestHead, request_id

# For a client that was refused in the middle of its body to read the answer.
LINGER_SECONDS = 5.0
LINGER_BYTES = 64 * 1024 * 1024
PAGE_BODY_SECONDS = 10.0  # for the unread body of a request for a page
UNREAD_SECONDS = 60.0  # how long a client that does not read may hold the end of its answer
_PIPELINED = 8
_MOST_PARTS = 2048  # of a body, in one read of the socket
_EARLY_BYTES = 256 * 1024  # of the bodies of requests whose turn has not come


class _Unacceptable(Exception):
    """Parsing stops here; `data_received` answers 400."""


class Protocol(HttpToolsProtocol):
    """uvicorn makes one for each connection; `of` sets the attributes on the class that it gets."""

    services: Services
    addresses: ClientAddresses

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._exchange: Exchange | None = None  # the one that is being answered
        self._heading_since: float | None = None  # None: no head is under way
        self._has_begun = False
        self._heading_bytes = self._fed = 0
        self._refused_at: float | None = None
        self._dropped_bytes = 0  # since then
        self._page_since: float | None = None  # None: no body of a page's request is under way
        self._unread_since: float | None = None
        self._unread_bytes = 0
        self._early_bytes = 0
        self._fed_parts = 0  # of bodies, in this read
        self._idle_since = 0.0  # the end of the latest exchange; uvicorn times its own cycles

    @property
    def _most_heading(self) -> float:
        return self.services.settings.header_seconds

    @property
    def _is_idle(self) -> bool:
        is_ours = isinstance(self.cycle, Exchange) and self.cycle.is_done
        return is_ours and self._heading_since is None

    # -- asyncio calls these -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._heading_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        exchange, self._exchange = self._exchange, None
        self.pipeline.clear()
        if isinstance(self.cycle, Exchange):
            self.cycle = None
        super().connection_lost(exc)
        if exchange is not None:
            exchange.client_left()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._fed = self._heading_bytes + len(data)
        self._fed_parts = 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline_upgrade(data[offer.args[0] :])
        except httptools.HttpParserError:
            message = "This is not one HTTP/1.1 request that can be answered here."
            self._refuse(InvalidRequest(message))
        if self._heading_since is not None and self._has_begun:
            self._heading_bytes += len(data)
            if self._heading_bytes > MOST_BYTES:
                self._refuse(InvalidRequest("The request's headers are too large."))

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._exchange is not None:
            self._exchange.resume()

    # -- httptools calls these -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._heading_since is None:
            self._heading_since = self.loop.time()
        self._has_begun = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._heading_since = None
        self._heading_bytes = 0
        headers, version = dict(self.headers), self.parser.get_http_version()
        has_room = len(self.pipeline) < _PIPELINED and not self.transport.is_closing()
        if not has_room or not is_one_request(self.headers, headers, version, self._fed):
            raise _Unacceptable
        if self.parser.should_upgrade():
            if b"upgrade" not in headers or self.parser.get_method() == b"CONNECT":
                raise _Unacceptable
            return  # it comes again without the offer
        expects = b"expect" in headers and version == "1.1"
        self.expect_100_continue = expects and headers[b"expect"].lower() == b"100-continue"
        path: bytes | None = self.url
        endpoint = endpoints.BY_PATH.get(self.url)  # most need no parser
        if endpoint is None:
            url = httptools.parse_url(self.url)
            path = url.path
            if path is not None:
                endpoint = endpoints.find(path, self.parser.get_method(), url.query)
        if endpoint is None or path is None:
            self._hand_to_litestar()
            return
        head = RequestHead(
            endpoint,
            self.parser.get_method(),
            path,
            version,
            self.addresses.of(self.client, headers),
            self.parser.should_keep_alive(),
            self.expect_100_continue,
            headers,
            request_id(headers.get(b"x-request-id")),
        )
        before = self.cycle
        self.cycle: Any = Exchange(self.services, self.loop, head, self.transport, self._ended)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.pipeline.appendleft((cast("Any", self.cycle), self.app))

    def on_body(self, body: bytes) -> None:
        self._fed_parts += 1
        if self._fed_parts > _MOST_PARTS:
            self._refuse_parts()
            return
        if not isinstance(self.cycle, Exchange):
            super().on_body(body)
            return
        if self.cycle.is_done:  # it was refused
            self._dropped_bytes += len(body)
            if self._dropped_bytes > LINGER_BYTES:
                self.transport.close()
            return
        self.cycle.receive(body)
        if self.cycle is not self._exchange and not self.cycle.is_done:
            self._early_bytes += len(body)
            if self._early_bytes > _EARLY_BYTES:  # until the one before it is answered
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        if not isinstance(self.cycle, Exchange):
            self._page_since = None
            super().on_message_complete()
            return
        self.cycle.receive_end()
        if self._refused_at is not None:
            self.transport.close()

    # -- uvicorn calls these -------------------------------------------------------------------

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, Exchange):
            self._exchange = cycle
            if self._early_bytes and not self.pipeline:
                self._early_bytes = 0
                self.flow.resume_reading()
            if self.flow.write_paused:
                cycle.pause()
            cycle.begin()
        else:
            super()._start_asgi_task(cycle, app)

    # -- the gateway calls this once a second --------------------------------------------------

    def sweep(self, now: float) -> None:
        """End what takes too long."""
        if self._exchange is not None:
            self._exchange.check_upload()
        elif self._heading_since is not None and now - self._heading_since > self._most_heading:
            self._refuse(RequestTimedOut(f"No request within {self._most_heading:g} s."))
        elif (self._refused_at is not None and now - self._refused_at > LINGER_SECONDS) or (
            self._page_since is not None and now - self._page_since > PAGE_BODY_SECONDS
        ):
            self.transport.close()
        else:
            self._sweep_answered(now, self.transport.get_write_buffer_size())

    # ------------------------------------------------------------------------------------------

    def _sweep_answered(self, now: float, unread: int) -> None:
        if not unread:
            self._unread_since = None
            if self._is_idle and now - self._idle_since > self.services.settings.idle_seconds:
                self.transport.close()
        elif self._unread_since is None or unread < self._unread_bytes:
            self._unread_since, self._unread_bytes = now, unread
        elif now - self._unread_since > UNREAD_SECONDS:
            self.transport.abort()

    def _decline_upgrade(self, rest: bytes) -> None:
        head = upgrade.declined(self.parser.get_method(), self.url, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.data_received(head + rest)

    def _hand_to_litestar(self) -> None:
        """Make up for the scope, which `on_message_begin` leaves out."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()
        self._page_since = self.loop.time()

    def _ended(self, exchange: Exchange) -> None:
        self._exchange = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not exchange.writer.keep_alive:
            if exchange.is_uploaded:
                self.transport.close()
            else:  # closed at once, the kernel would drop the answer with the rest of the body
                self._refused_at = self.loop.time()
            return
        self._idle_since = self.loop.time()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def _refuse_parts(self) -> None:
        if self._exchange is not None and self.cycle is self._exchange:
            message = "The body comes in chunks of a few bytes: send larger ones."
            self._exchange.fail(InvalidRequest(message))
        self.transport.close()

    def _refuse(self, error: GatewayError) -> None:
        """Answer what is no request, unless an answer is under way on this connection."""
        is_free = self.cycle is None or self.cycle.response_complete
        if is_free and self._has_begun and not self.transport.is_closing():
            body = error.body()
            self.transport.write(
                b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%b"
                % (error.status, HTTPStatus(error.status).phrase.encode(), len(body), body)
            )
        self._heading_since = None
        self.transport.close()


def of(services: Services, addresses: ClientAddresses) -> type[Protocol]:
    """Return the class for uvicorn's configuration."""
    return type("GatewayProtocol", (Protocol,), {"services": services, "addresses": addresses})
