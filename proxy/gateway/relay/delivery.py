"""Carry one admitted request to a backend and its answer back, bytes unchanged.

A stream goes out chunk by chunk. Any other answer is taken in whole first: one that breaks off can
then still be an error with a status.
"""

import asyncio
import re
import time

from gateway.backends import tls_problem
from gateway.backends.backend import Backend
from gateway.backends.connection import Connection, RawHeaders
from gateway.core.dialects import OPENAI
from gateway.core.errors import BackendLost, BudgetEnded, StreamIncomplete
from gateway.relay.deadlines import CONNECTION, Deadlines
from gateway.relay.downstream import Downstream
from gateway.relay.upstream_request import UpstreamRequest
from gateway.response import backend_response
from gateway.response.event_stream import CUT, EventStream

_ERRORS_FROM = 400
_NEARLY = 0.9  # a timer may fire a little early
# A request that meets a close already under way is lost at once. One that is lost later may have
# been at work, or the end of its engine: it must not end the next one too. A fallback is no such
# engine.
_RACE_SECONDS = 1.0
_EVENT_STREAM = b"text/event-stream"
# It is our key that it refuses, not the client's.
_KEY_REFUSED = 401
# What another backend may do better: this one is busy, loading, or in trouble.
_ANOTHERS = frozenset({429, 500, 502, 503, 504})
_RESPONSE_ID = re.compile(rb'"id"\s*:\s*"(resp_[A-Za-z0-9._-]{1,200})"')
_ID_BYTES = 4096


class Delivery:
    """One request at one backend: it holds the backend's slot from its start to `release`."""

    __slots__ = (
        "_connecting", "_connection", "_deadlines", "_downstream", "_headers", "_keeps_responses",
        "_loop", "_may_repeat", "_parts", "_status", "_upstream", "_writer", "backend", "chunks",
        "events", "first_byte", "tokens",
    )  # fmt: skip

    def __init__(self, downstream: Downstream, backend: Backend, upstream: UpstreamRequest) -> None:
        self._downstream = downstream
        self._upstream = upstream
        self._writer = downstream.writer
        self._loop = downstream.loop
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._deadlines = Deadlines(upstream.limits, downstream.loop.time())
        self._parts: list[bytes] = []
        self._may_repeat = False
        self._keeps_responses = upstream.endpoint.operation == "responses"
        self._status = 0
        self.backend = backend
        self.events: EventStream | None = None  # of a stream
        self.chunks = 0
        self.first_byte: float | None = None
        self.tokens: backend_response.Tokens = (None, None)  # of a whole answer
        backend.outstanding += 1

    def start(self) -> None:
        connection = self.backend.pool.take()
        if connection is None:
            self._connect()
        else:
            self._may_repeat = True
            self._send(connection)

    def release(self) -> None:
        """Release the backend; cutting a connection that is still at work frees the engine."""
        if self._connecting is not None:
            self._connecting.cancel()
        connection = self._disconnect()
        if connection is not None:
            connection.abort()
        self.backend.outstanding -= 1

    def pause(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        if self._connection is not None:
            self._connection.resume()

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing has come for so long, and a comment may go between two events."""
        if self._loop.time() - self._deadlines.latest() < seconds * _NEARLY:
            return False
        return self.events is None or (self.events.is_whole and not self.events.done)

    def check_deadlines(self, now: float) -> None:
        """Fail it if one of its budgets has ended; called regularly."""
        error = self._deadlines.ended(now)
        if error is not None:
            self._timed_out(error)

    @property
    def _is_done(self) -> bool:
        return self.events is not None and self.events.done

    @property
    def was_refused(self) -> bool:
        """Whether the backend answered with an error."""
        return self._status >= _ERRORS_FROM

    # -- the connection calls these ----------------------------------------------------------

    def on_connected(self, connection: Connection) -> None:
        self._connecting = None
        self._send(connection)

    def on_refused(self, error: OSError | UnicodeError) -> None:
        self._connecting = None
        self.backend.has_problem(tls_problem.describe(error))
        self.backend.failed(self._loop.time())
        self._downstream.on_refused()

    def on_head(self, status: int, headers: RawHeaders) -> None:
        now = self._loop.time()
        self._headers = dict(headers)
        if status in _ANOTHERS and self._downstream.may_move():
            self.backend.answered(status, now)
            self._downstream.move(str(status))
            return
        if status == _KEY_REFUSED and self.backend.fallback:
            self.backend.has_problem("it does not accept the key of its api_key_file")
            self.backend.found("down")  # until it is looked at again
            self._downstream.on_refused()
            return
        self._status = status
        self._upstream.drop()
        self._downstream.release_body()
        self.backend.answered(status, now)
        self.first_byte = time.perf_counter() - self._downstream.began
        kind = self._headers.get(b"content-type", b"")
        if status < _ERRORS_FROM and kind.startswith(_EVENT_STREAM):
            self.events = EventStream(self._upstream.endpoint.dialect, strip=self._upstream.strips)
            self._downstream.start_stream(status, backend_response.returned(self._headers))
            self._deadlines.flowing(now)
            self._relay()
        else:
            self._deadlines.awaiting_rest(now)

    def _relay(self) -> None:
        """Relay chunks that need no inspection directly: nearly all of a stream."""
        connection, writer = self._connection, self._writer
        if (
            connection is None
            or not writer.is_chunked
            or self._upstream.endpoint.dialect is not OPENAI
        ):
            return
        connection.relay_to, connection.strips, connection.relays = (
            writer.write,
            self._upstream.strips,
            True,
        )
        self._deadlines.connection = connection

    def _disconnect(self) -> Connection | None:
        """Release the connection; count what it relayed directly."""
        connection, self._connection = self._connection, None
        self._deadlines.connection = None
        if connection is not None:
            self._note_relayed(connection)
            self.chunks += connection.chunks
            self._writer.bytes += connection.bytes
            connection.relays = False
        return connection

    def _note_relayed(self, connection: Connection) -> None:
        if connection.chunks and self.events is not None:
            self.events.has_begun = True

    def on_frame(self, frame: bytes, begin: int) -> None:
        self._deadlines.last = self._loop.time()
        events = self.events
        writer = self._writer
        if self._connection is not None:
            self._note_relayed(self._connection)
        if events is not None and writer.is_chunked and events.passes(frame):
            self.chunks += 1
            writer.bytes += len(frame)
            writer.write(frame)
        else:
            self.on_body(frame[begin:-2])

    def on_body(self, data: bytes) -> None:
        events = self.events
        if events is None:
            self._parts.append(data)
            return
        self._deadlines.last = self._loop.time()
        self.chunks += max(1, data.count(b"\ndata:"))
        if self._connection is not None:
            self._note_relayed(self._connection)
        if self._keeps_responses:
            self._find_id(data)
        was_done = events.done
        self._writer.data(events.feed(data))
        if self._deadlines.connection is not None:  # no direct relay while a partial event is held
            self._deadlines.connection.relays = events.is_whole
        if events.done and not was_done:
            self._deadlines.ending(self._loop.time())

    def on_end(self) -> None:
        self._disconnect()
        if self.events is not None:
            self._end_stream(self.events)
        else:
            self._downstream.guarded(self._answer)

    def on_lost(self, *, unanswered: bool) -> None:
        self._disconnect()
        now = self._loop.time()
        if unanswered and self._may_repeat and now - self._deadlines.last < _RACE_SECONDS:
            self._may_repeat = False  # closed while idle in the pool: the backend has not seen it
            self._downstream.record.retried = True
            self._connect()
            return
        if self.events is not None:
            self._writer.data(self.events.flush(clean=False))
        if self._is_done:
            self._complete_stream()  # an error after the last event loses nothing
            return
        self.backend.failed(now)
        is_early = now - self._deadlines.last < _RACE_SECONDS
        if unanswered and self._downstream.may_move(to_fallback=not is_early):
            self._downstream.move("lost", to_fallback=not is_early)
            return
        where = "in the middle of its answer" if self._status else "before it answered"
        self._downstream.fail(BackendLost(f"The model server broke off {where}."))

    # ----------------------------------------------------------------------------------------

    def _find_id(self, data: bytes) -> None:
        found = _RESPONSE_ID.search(data)
        if found is not None:
            self._keeps_responses = False
            self._downstream.created(found[1].decode())

    def _connect(self) -> None:
        self._deadlines.connecting(self._loop.time())
        self._connecting = self.backend.pool.connect(self)

    def _send(self, connection: Connection) -> None:
        self._connection = connection
        self._deadlines.awaiting_answer(self._loop.time())
        upstream = self._upstream
        endpoint = upstream.endpoint
        path = self.backend.path + endpoint.path
        line = f"{endpoint.method} {path} HTTP/1.1\r\n".encode()
        connection.send(self, line + self.backend.head + upstream.head, upstream.body)
        if self._downstream.is_paused:
            connection.pause()

    def _timed_out(self, error: BudgetEnded) -> None:
        if self._is_done:
            self._complete_stream()
            return
        if self._connection is None:
            self.backend.failed(self._loop.time())
        if error.budget == CONNECTION:
            # Without its fallback the engine is what the client waits for.
            self._downstream.on_refused(None if self.backend.fallback else error)
        else:
            self._downstream.fail(error)

    def _complete_stream(self) -> None:
        if self.events is not None and self.events.failed:
            self._downstream.record.error = "backend_error"
        self._downstream.complete_stream()

    def _end_stream(self, events: EventStream) -> None:
        self._writer.data(events.flush(clean=True))
        if events.is_complete:
            self._complete_stream()
        else:
            self._downstream.fail(StreamIncomplete(events.defect))

    def _answer(self) -> None:
        body, dialect = b"".join(self._parts), self._upstream.endpoint.dialect
        headers = backend_response.returned(self._headers)
        if self._status >= _ERRORS_FROM:
            raise backend_response.refusal(
                self._status, body, headers, self._upstream.model, dialect
            )
        if backend_response.is_cut(body, dialect):
            raise StreamIncomplete(CUT)
        self.tokens = backend_response.usage(body)
        if self._keeps_responses:
            self._find_id(body[:_ID_BYTES])
        if self._upstream.endpoint.operation == "version":
            body = backend_response.with_our_version(body)
            headers = [(b"content-type", b"application/json")]
        self._downstream.answer(self._status, headers, body)
