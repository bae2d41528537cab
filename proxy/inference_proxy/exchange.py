"""One request's answer on its way to the client, and the facts about it for the log."""

import asyncio
import re
import time
from collections.abc import Mapping
from uuid import uuid4

from litestar.types import HTTPScope, Send

from inference_proxy.errors import ClientLeft, Headers, ProxyError, in_band
from inference_proxy.log import event

CLIENT_LEFT = 499  # nginx's number for it
LINGER_SECONDS = 5.0  # how long a client that does not read may hold up the end of its stream

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_JSON = b"application/json"


class Exchange:
    """Writes status, headers and body, once each; remembers what the log line needs."""

    __slots__ = (
        "_began", "_send", "_started", "error", "key_id", "method", "path", "request_id",
        "status", "stream",
    )  # fmt: skip

    def __init__(self, scope: HTTPScope, headers: Mapping[bytes, bytes], send: Send) -> None:
        self._send = send
        self._began = time.perf_counter()
        self._started = False
        self.method = scope["method"]
        self.path = scope["raw_path"].decode("latin-1")
        self.request_id = request_id(headers.get(b"x-request-id"))
        self.status = CLIENT_LEFT
        self.key_id: str | None = None
        self.stream = False
        self.error: str | None = None

    async def start(self, status: int, content_type: bytes, headers: Headers) -> None:
        self._started = True
        self.status = status
        ours = [(b"content-type", content_type), (b"x-request-id", self.request_id)]
        await self._send(
            {"type": "http.response.start", "status": status, "headers": ours + headers}
        )

    async def write(self, chunk: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def reply(self, status: int, content_type: bytes, body: bytes, headers: Headers) -> None:
        """Answer as a whole."""
        length = (b"content-length", b"%d" % len(body))
        await self.start(status, content_type, [length, *headers])
        await self.write(body, more=False)

    async def finish(self, last: bytes = b"") -> None:
        """End a stream. Raises ClientLeft if the client has stopped reading: as good as gone."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                await self.write(last, more=False)
        except TimeoutError as error:
            raise ClientLeft from error

    async def fail(self, error: ProxyError) -> None:
        """Tell the client: as an answer if none was begun, else as the stream's last events."""
        self.error = error.code
        if self._started:
            await self.finish(in_band(error))
        else:
            await self.reply(error.status, _JSON, error.body(), error.headers())

    def client_left(self) -> None:
        self.status = CLIENT_LEFT

    def log(self) -> None:
        event(
            "answered",
            method=self.method,
            path=self.path[:200],
            status=self.status,
            ms=round((time.perf_counter() - self._began) * 1000, 1),
            request_id=self.request_id.decode("ascii"),
            key_id=self.key_id,
            stream=self.stream,
            error=self.error,
        )


def request_id(given: bytes | None) -> bytes:
    """Return the client's own id if it is one a log can hold, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return uuid4().hex.encode("ascii")
