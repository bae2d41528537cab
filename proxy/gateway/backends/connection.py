"""One HTTP/1.1 connection to a backend, and the few that wait for their next request.

This is our own client because of what it saves: a stream's chunk that is exactly one read goes to
the browser's socket as it came, framing included (docs/decisions.md has the figures of the others).
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from gateway.backends.backend import Backend
from gateway.core.segmented_body import SegmentedBody

# vLLM closes connections that were idle for 5 s: ours must not be waiting in one then.
KEEPALIVE_SECONDS = 3.0
_COPIED_BYTES = 64 * 1024
_FINAL = 200
_NO_BODY = frozenset({204, 304})
_SIZE_DIGITS = 8
# Inside a JSON string every quote is escaped: generated text cannot look like these.
_UNFINISHED, _FINISH = b'"finish_reason":null', b'"finish_reason"'
_NO_SIZE = -1

RawHeaders = list[tuple[bytes, bytes]]


class Consumer(Protocol):
    """The user of a connection, until `on_end` or `on_lost`."""

    def on_head(self, status: int, headers: RawHeaders) -> None: ...
    def on_frame(self, frame: bytes, begin: int) -> None:
        """One chunk, framing included; what it holds is `frame[begin:-2]`."""

    def on_body(self, data: bytes) -> None: ...
    def on_end(self) -> None: ...
    def on_lost(self, *, unanswered: bool) -> None:
        """It broke; `unanswered`: before a single byte of the answer."""

    def on_connected(self, connection: "Connection") -> None: ...
    def on_refused(self, error: OSError | UnicodeError) -> None: ...


class Connection(asyncio.Protocol):
    """`idle_since`: when it last came back to the pool (the loop's time).

    `relays`: chunks that are one unfinished event of OpenAI's go straight to `relay_to`, which
    `chunks`, `bytes` and `last` count; all others come to the consumer. Everything that such a
    chunk needs is in this one object: what a chunk costs is what it has to fetch from memory.
    """

    __slots__ = (
        "_bodies", "_consumer", "_ends_by_close", "_has_answer", "_headers", "_is_at_frame",
        "_is_complete", "_is_heading", "_is_new_head", "_parser", "_pool", "_status", "_stays",
        "_transport", "bytes", "chunks", "idle_since", "last", "relay_to", "relays", "strips",
        "time",
    )  # fmt: skip

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self.time = pool.time
        self.relays = self.strips = False
        self.relay_to: Callable[[bytes], None] = _discard
        self.chunks = self.bytes = 0
        self.last = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._consumer: Consumer | None = None
        self._headers: RawHeaders = []
        self._bodies: list[bytes] = []
        self._status = 0
        self._is_new_head = self._is_complete = self._is_at_frame = False
        self._is_heading = True
        self._ends_by_close = self._stays = self._has_answer = False
        self.idle_since = 0.0

    def send(self, consumer: Consumer, head: bytes, body: bytes | SegmentedBody) -> None:
        self._consumer = consumer
        self.relays = False
        self.chunks = self.bytes = 0
        if not isinstance(body, bytes):
            self._transport.writelines((head, *body.parts))
        elif len(body) <= _COPIED_BYTES:  # one system call costs more than the copy
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    def abort(self) -> None:
        """Close at once: what frees the engine."""
        self._consumer = None
        self._pool.forget(self)
        self._transport.abort()

    def pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    # -- asyncio calls these -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        consumer = self._consumer
        if consumer is None:  # idle: these bytes answer no request of ours
            self.abort()
            return
        if self._is_at_frame:
            end = data.find(b"\r\n", 1, _SIZE_DIGITS + 1)
            if end > 0 and len(data) == end + _size(data[:end]) + 4:
                if (
                    self.relays
                    and data.find(b"\n\n") == len(data) - 4
                    and data.find(_UNFINISHED) == data.rfind(_FINISH) > 0
                    and not (self.strips and b'"usage"' in data)
                ):
                    self.chunks += 1
                    self.bytes += len(data)
                    self.last = self.time()
                    self.relay_to(data)
                    return
                consumer.on_frame(data, end + 2)
                return
        self._has_answer = True
        self._parse(data, consumer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        if exc is None and self._ends_by_close:
            consumer.on_end()
        else:
            consumer.on_lost(unanswered=not self._has_answer)

    # -- httptools calls these ---------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_heading:  # else it is a trailer, which no header of any answer may become
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        if self._status < _FINAL:
            self._headers = []
            return
        self._is_new_head = True
        self._is_heading = False
        names = {name for name, _ in self._headers}
        framed = b"content-length" in names or b"transfer-encoding" in names
        self._ends_by_close = not framed and self._status not in _NO_BODY
        self._stays = self._parser.should_keep_alive()  # known only here

    def on_chunk_header(self) -> None:
        self._is_at_frame = False

    def on_chunk_complete(self) -> None:
        self._is_at_frame = True

    def on_body(self, body: bytes) -> None:
        self._bodies.append(body)

    def on_message_complete(self) -> None:
        self._is_complete = self._status >= _FINAL

    # ----------------------------------------------------------------------------------------

    def _parse(self, data: bytes, consumer: Consumer) -> None:
        garbled = False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            garbled = True
        if self._is_new_head:
            self._is_new_head = False
            headers, self._headers = self._headers, []
            consumer.on_head(self._status, headers)
        if self._bodies:
            bodies, self._bodies = self._bodies, []
            if self._consumer is consumer:
                consumer.on_body(bodies[0] if len(bodies) == 1 else b"".join(bodies))
        if self._consumer is not consumer:
            return  # it has left in the meantime
        if garbled:
            self.abort()
            consumer.on_lost(unanswered=False)
        elif self._is_complete:
            self._release()
            consumer.on_end()

    def _release(self) -> None:
        """Wait for the next request, if the backend lets us."""
        self._consumer = None
        self._is_complete = self._is_at_frame = self._has_answer = False
        self._is_heading = True
        if not self._transport.is_reading():  # its last client was slow
            self.resume()
        if self._stays and not self._transport.is_closing():
            self._pool.put(self)
        else:
            self._pool.forget(self)
            self._transport.close()


class Pool:
    """The connections to one backend: idle ones are used last in, first out."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time
        self._idle: list[Connection] = []
        self._is_closed = False

    def take(self) -> Connection | None:
        oldest = self._loop.time() - KEEPALIVE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    def connect(self, consumer: Consumer) -> asyncio.Task[None]:
        """Open a connection for the consumer; cancelling the task gives it up."""
        return self._loop.create_task(self._connect(consumer))

    async def _connect(self, consumer: Consumer) -> None:
        backend = self._backend
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(self), backend.host, backend.port, ssl=backend.tls_context
            )
        except (OSError, UnicodeError) as error:  # the latter for what can be no host's name
            consumer.on_refused(error)
        else:
            consumer.on_connected(connection)

    def put(self, connection: Connection) -> None:
        if self._is_closed or self._backend.retired:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def sweep(self) -> None:
        """Close what has been idle for too long; called once a second."""
        oldest = self._loop.time() - KEEPALIVE_SECONDS
        for connection in [idle for idle in self._idle if idle.idle_since < oldest]:
            connection.abort()

    def close(self) -> None:
        """No more connections wait here; those at work go on to their end."""
        self._is_closed = True
        for connection in list(self._idle):
            connection.abort()


def _size(digits: bytes) -> int:
    """Return a chunk's size; one that fits nothing for the last chunk and for what is no size."""
    try:
        return (int(digits, 16) or _NO_SIZE) if digits.isalnum() else _NO_SIZE
    except ValueError:
        return _NO_SIZE


def _discard(_: bytes) -> None:
    """Stand in for a client."""
