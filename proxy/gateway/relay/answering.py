"""How a request is answered: a stream, a whole answer, or an error, with the headers of our own."""

from abc import abstractmethod
from collections.abc import Callable

from gateway.access.limits import Lease
from gateway.core.errors import GatewayError, Headers, InternalError
from gateway.core.log import logger
from gateway.relay.downstream import Downstream
from gateway.request.head import RequestHead

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_UNBUFFERED = (b"x-accel-buffering", b"no")  # nginx must not collect the tokens either


class Answering(Downstream):
    """`is_uploaded`: the request's body has come. `is_done`: it is answered, or its client left."""

    __slots__ = ("_cors", "_head", "_lease", "is_done", "is_uploaded")

    _cors: Headers
    _head: RequestHead
    _lease: Lease | None
    is_done: bool
    is_uploaded: bool

    def start_stream(self, status: int, headers: Headers) -> None:
        if not self.writer.status:
            self.writer.start_stream(status, [*headers, _UNBUFFERED, *self._own_headers()])

    def complete_stream(self) -> None:
        self.writer.end_stream()
        self._finish()

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        if self.writer.status:
            self.writer.data(b"data: " + body.replace(b"\n", b" ") + b"\n\ndata: [DONE]\n\n")
            self.writer.end_stream()
        else:
            self.writer.whole(status, headers + self._own_headers(), body)
        self._finish()

    def fail(self, error: GatewayError) -> None:
        if self.is_done:
            return
        self.record.error = error.code
        dialect = self._head.endpoint.dialect
        if self.writer.status:
            self.writer.data(dialect.in_band(error, self.record.request_id))
            self.writer.end_stream()
        else:
            if not self.is_uploaded:
                self.writer.keep_alive = False  # the rest of the body is still to come
            body = error.raw or dialect.body(error, self.record.request_id)
            extra = error.headers()
            if _CLOSE in extra:
                self.writer.keep_alive = False
                extra.remove(_CLOSE)
            headers = [_JSON, *extra, *self._own_headers()]
            self.writer.whole(error.status, headers, body)
        self._finish()

    def guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except GatewayError as error:
            self.fail(error)
        except Exception:  # noqa: BLE001 -- a defect must end one request only
            logger.exception("a request met a defect of the gateway")
            self.fail(InternalError("The gateway failed on this request; its log says why."))

    @abstractmethod
    def _finish(self) -> None:
        """Release everything that was taken, once, and record how it ended."""

    def _own_headers(self) -> Headers:
        named = [(b"x-request-id", self._head.request_id), *self._cors]
        if self.record.fallback and self.record.backend is not None:
            named.append((b"x-lamplighter-fallback", self.record.backend.encode()))
        return named if self._lease is None else [*named, *self._lease.headers]
