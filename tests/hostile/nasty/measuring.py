"""A gateway in this process under uvloop, with its every turn of the event loop measured.

A turn is measured in processor time of the loop's own thread: what else the machine does, the
client and the model server (threads of their own) included, is no part of it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE
from typing import Any
from unittest.mock import patch

import uvloop
from gateway.request import incremental_json
from gateway.request.incremental_form import FormReader
from gateway.request.json_split import Text
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings
from gatewaylab.running import running

from hostile.nasty.shapes import PLAIN, SHAPES, Shape

_KIB = 1024
_PATH = os.pathsep.join(each for each in sys.path if each)
_BY_NAME = {shape.name: shape for shape in (PLAIN, *SHAPES)}


@dataclass
class Cost:
    """What one body cost: `most_read` bytes and `longest` seconds of processor time in one turn."""

    name: str
    size: int = 0
    status: int = 0
    most_read: int = 0
    longest: float = 0.0
    turns: int = 0
    memory: int = 0


def measure(shape: Shape, size: int) -> Cost:
    """Return what a body of this shape costs.

    In a process of its own: memory that others freed would be used again without being seen.
    """
    command = [sys.executable, "-m", "hostile.nasty.measuring", shape.name, str(size)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": _PATH}, stdout=PIPE, check=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    cost = _measure(_BY_NAME[sys.argv[1]], int(sys.argv[2]))
    sys.stdout.write(f"\n{json.dumps(asdict(cost))}\n")


def _measure(shape: Shape, size: int) -> Cost:
    with _sink() as origin, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measured(shape, size, origin))


async def _measured(shape: Shape, size: int, origin: str) -> Cost:
    settings = Settings(backends=(BackendSettings(origin, models=("tiny",)),))
    async with running(settings) as gateway:
        await gateway.chat()  # all that is made at the first request is there
        cost, turns = Cost(shape.name), _Turns()
        client = _Client(gateway.port, shape, size)
        gc.collect()
        before = _memory("VmRSS")
        _forget_peak()
        with turns.counting():
            thread = asyncio.ensure_future(asyncio.to_thread(client.send))
            await turns.until(thread)
        cost.memory = _memory("VmHWM") - before
        cost.status, cost.size = client.status, client.sent
        cost.most_read, cost.longest = max(turns.read.values(), default=0), turns.longest
        cost.turns = len(turns.read)
        return cost


@dataclass
class _Turns:
    """`read`: bytes that were parsed, by the turn in which they were."""

    number: int = 0
    longest: float = 0.0
    read: Counter[int] = field(default_factory=Counter)

    async def until(self, task: asyncio.Future[None]) -> None:
        """Take part in each turn of the loop until the task is done."""
        before = time.thread_time()
        while not task.done():
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest = max(self.longest, now - before)
            self.number, before = self.number + 1, now

    @contextmanager
    def counting(self) -> Iterator[None]:
        turns = self

        class Counted(Text):
            def __init__(self, doc: bytes, opened: int) -> None:
                turns.read[turns.number] += len(doc)
                super().__init__(doc, opened)

        find_lines = FormReader._find_lines

        def counted(reader: FormReader, piece: bytes) -> None:
            turns.read[turns.number] += len(piece)
            find_lines(reader, piece)

        with ExitStack() as stack:
            stack.enter_context(patch.object(incremental_json, "Text", Counted))
            stack.enter_context(patch.object(FormReader, "_find_lines", counted))
            yield


class _Client:
    def __init__(self, port: int, shape: Shape, size: int) -> None:
        self._port = port
        self._shape = shape
        self._size = size
        self.sent = self.status = 0

    def send(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=120) as wire:
            wire.sendall(
                f"POST {self._shape.path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
                f"Content-Type: {self._shape.kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            )
            for chunk in self._shape.chunks(self._size):
                wire.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                self.sent += len(chunk)
            wire.sendall(b"0\r\n\r\n")
            self.status = int(wire.makefile("rb").readline().split()[1])


class _Sink(BaseHTTPRequestHandler):
    """A model server that keeps nothing of what it is sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 64 * _KIB)))
        self._answer({"choices": []})

    def do_GET(self) -> None:
        self._answer({"data": [{"id": "tiny"}]})

    def _answer(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def _sink() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _memory(name: str) -> int:
    """Return this process's memory in bytes: VmRSS now, VmHWM at its highest."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * _KIB
    raise AssertionError(name)


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
