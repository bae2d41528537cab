"""The wire of a played vLLM: strict about what reaches it, and it remembers all of it.

What a gateway lets through is judged here: bytes that are no single HTTP/1.1 request, paths that
the gateway should have kept to itself and bodies that are no JSON become `defects`. Requests are
scripted by themselves (`plays.py`), so that clients in any language can ask for a fault.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

sys.set_int_max_str_digits(0)  # a JSON number may have any length

_LINE = re.compile(rb"(GET|POST|DELETE) (/[!-~]*) HTTP/1\.1")
_FIELD = re.compile(rb"([!#-'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_REMEMBERED = 4096


@dataclass(eq=False)
class Call:
    """One request as it came, and the wire to answer it on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    transport: asyncio.Transport
    at: float = field(default_factory=time.monotonic)
    document: Any = None
    answered: bool = False
    left_after: float | None = None  # seconds until the gateway hung up unanswered
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def lab(self) -> dict[str, Any]:
        """What the client asks of this server itself: `id` and `play`."""
        asked = self.document.get("lab") if isinstance(self.document, dict) else None
        return asked if isinstance(asked, dict) else {}

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def reply(
        self, document: Any, status: str = "200 OK", kind: str = "application/json", **more: str
    ) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.head(status, kind, content_length=str(len(body)), **more)
        self.write(body)
        self.answered = True

    def head(self, status: str, kind: str, **more: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"content-type: {kind}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
        self.write("\r\n".join([*lines, "", ""]).encode())

    def start_stream(self) -> None:
        self.head("200 OK", "text/event-stream; charset=utf-8", transfer_encoding="chunked")

    def chunk(self, data: bytes) -> None:
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end_stream(self) -> None:
        self.write(b"0\r\n\r\n")
        self.answered = True

    def told(self) -> dict[str, Any]:
        return {
            "method": self.method, "path": self.path, "headers": self.headers,
            "body": self.body.decode("utf-8", "replace"), "answered": self.answered,
            "left_after": self.left_after,
        }  # fmt: skip


class Engine:
    """`async with Engine(answer)`: `answer(call)` writes, or starts a task that does."""

    def __init__(self, answer: Callable[[Engine, Call], None]) -> None:
        self.answer = answer
        self.calls: deque[Call] = deque(maxlen=_REMEMBERED)
        self.count = 0
        self.open = 0
        self.defects: list[str] = []
        self.counters: dict[str, int] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Wire(self), "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def defect(self, what: str, data: bytes) -> None:
        if len(self.defects) < 100:
            self.defects.append(f"{what}: {data[:300]!r}")

    def seen(self, identity: str) -> list[Call]:
        return [call for call in self.calls if call.lab.get("id") == identity]

    def received(self, call: Call) -> None:
        url = urlsplit(call.path)
        if url.path == "/lab/calls":
            [identity] = parse_qs(url.query)["id"]
            call.reply([seen.told() for seen in self.seen(identity)])
        elif url.path == "/lab/defects":
            call.reply({"defects": self.defects, "count": self.count, "open": self.open})
        else:
            self.count += call.path not in {"/health", "/v1/models"}  # the gateway's own
            self.calls.append(call)
            self.answer(self, call)


class _Wire(asyncio.Protocol):
    """One connection: strict HTTP/1.1, one request at a time."""

    transport: asyncio.Transport

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held = b""
        self._call: Call | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._engine.open += 1

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        self._engine.open -= 1
        if self._call and not self._call.answered:
            self._call.left_after = time.monotonic() - self._call.at
            self._call.gone.set()
        if self._held:
            self._engine.defect("half a request", self._held)

    def data_received(self, data: bytes) -> None:
        self._held += data
        if self._call and not self._call.answered:
            self._engine.defect("pipelined behind an unanswered request", self._held)
        while self._held and (taken := self._take()):
            self._call = taken
            self._engine.received(taken)

    def _take(self) -> Call | None:
        head, blank, rest = self._held.partition(b"\r\n\r\n")
        if not blank:
            return None
        line, *fields = head.split(b"\r\n")
        request = _LINE.fullmatch(line)
        parsed = [_FIELD.fullmatch(field) for field in fields]
        names = [match[1].lower() for match in parsed if match]
        if not request or not all(parsed) or len(set(names)) < len(names) or b"host" not in names:
            self._refuse("no plain request", head)
            return None
        headers = {m[1].decode().lower(): m[2].decode("latin-1") for m in parsed if m}
        if "transfer-encoding" in headers or not headers.get("content-length", "0").isdecimal():
            self._refuse("a body of no plain length", head)
            return None
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        self._held = rest[length:]
        method, path = request[1].decode(), request[2].decode()
        return Call(method, path, headers, rest[:length], self.transport)

    def _refuse(self, what: str, head: bytes) -> None:
        self._engine.defect(what, head)
        self._held = b""
        self.transport.close()
