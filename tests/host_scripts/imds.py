"""A metadata service on loopback that knows what a test tells it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def metadata_service(known: dict[str, str]) -> Iterator[str]:
    """Yield its origin. known: the path below meta-data -> the answer; what is absent is a 404."""
    handler = type("Bound", (_Handler,), {"known": known})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    known: dict[str, str]

    def do_PUT(self) -> None:
        self._answer("token")

    def do_GET(self) -> None:
        has_token = self.headers.get("X-aws-ec2-metadata-token") == "token"
        path = self.path.removeprefix("/latest/meta-data/")
        self._answer(self.known.get(path) if has_token else None)

    def _answer(self, text: str | None) -> None:
        body = (text or "").encode()
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return
