"""The answer on its way to the client's socket: status, headers, bytes, each once."""

import asyncio
import email.utils
import time
from http import HTTPStatus

from gateway.core.errors import Headers

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_LAST_CHUNK = b"0\r\n\r\n"
_COPIED_BYTES = 64 * 1024


class _Date:
    """The `Date` header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._line = b"date: " + email.utils.formatdate(now, usegmt=True).encode() + b"\r\n"
        return self._line


_date = _Date()


class ResponseWriter:
    """Writes one answer. `keep_alive` turns false where the connection must end with it.

    A stream's chunk may be given to `write` with the framing that it came with, if `is_chunked`;
    count it in `bytes`.
    """

    __slots__ = ("_is_head", "_transport", "bytes", "is_chunked", "keep_alive", "status", "write")

    def __init__(
        self, transport: asyncio.Transport, *, keep_alive: bool, chunks: bool, is_head: bool
    ) -> None:
        self._transport = transport
        self.write = transport.write
        self.is_chunked = chunks
        self._is_head = is_head
        self.keep_alive = keep_alive and chunks
        self.status = 0  # none was sent yet
        self.bytes = 0

    def start_stream(self, status: int, headers: Headers) -> None:
        framing = b"transfer-encoding: chunked\r\n" if self.is_chunked else b""
        self.write(self._head(status, headers, framing))

    def data(self, data: bytes) -> None:
        if not data:
            return
        self.bytes += len(data)
        if self.is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self.write(data)

    def end_stream(self) -> None:
        if self.is_chunked:
            self.write(_LAST_CHUNK)

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        head = self._head(status, headers, b"content-length: %d\r\n" % len(body))
        self.bytes += len(body)
        if self._is_head:
            self.write(head)
        elif len(body) <= _COPIED_BYTES:  # one system call costs more than the copy
            self.write(head + body)
        else:
            self._transport.writelines((head, body))

    def _head(self, status: int, headers: Headers, framing: bytes) -> bytes:
        self.status = status
        return b"".join(
            (
                _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status,
                _date.line(),
                b"\r\n".join(map(b": ".join, headers)),
                b"\r\n",
                framing,
                b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n",
            )
        )
