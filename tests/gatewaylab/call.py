"""A request as the model server saw it, and the wire to answer it on, byte by byte."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Call:
    """One request as the model server saw it, and the wire to answer it on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    aborted: asyncio.Event = field(default_factory=asyncio.Event)
    aborted_at: float = 0.0

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def head(self, kind: str = "application/json", status: str = "200 OK", **more: str) -> None:
        lines = [
            f"HTTP/1.1 {status}",
            f"content-type: {kind}",
            *(f"{k}: {v}" for k, v in more.items()),
        ]
        self.write("\r\n".join([*lines, "", ""]).encode())

    def reply(self, body: bytes, status: str = "200 OK", **more: str) -> None:
        self.head(status=status, **more, **{"content-length": str(len(body))})
        self.write(body)

    def start_stream(self) -> None:
        self.head("text/event-stream; charset=utf-8", **{"transfer-encoding": "chunked"})

    def chunk(self, data: bytes) -> None:
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def event(self, text: str, finish: str | None = None) -> None:
        self.chunk(sse(text, finish))

    def end_stream(self, *, done: bool = True) -> None:
        if done:
            self.chunk(b"data: [DONE]\n\n")
        self.write(b"0\r\n\r\n")

    async def silence(self) -> None:
        await self.writer.drain()
        await asyncio.sleep(30)


Script = Callable[[Call], Awaitable[None]]


def sse(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
    return b"data: " + json.dumps(chunk | {"choices": [choice]}).encode() + b"\n\n"


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in headers.items()}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Call(method, path, headers, body, writer)
