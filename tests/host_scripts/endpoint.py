"""A small HTTP server that is engine, gateway and nginx at once, and does what a test tells it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from host_scripts.sandbox import API_KEY

MODELS = {"object": "list", "data": [{"id": "org/model", "object": "model"}]}
COMPLETION = {"choices": [{"index": 0, "finish_reason": "length", "message": {"content": "a"}}]}


@dataclass
class Endpoint:
    """answers: path -> (status, text or JSON); delays: path -> seconds; asked: (path, body)."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    key: str = API_KEY
    port: int = 0

    def start(self) -> ThreadingHTTPServer:
        """Listen on loopback; on the port of the last time, if there was one."""
        handler = type("Bound", (Handler,), {"endpoint": self})
        server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def serve_all(self) -> None:
        self.answers = {
            "/health": (200, None),
            "/health/live": (200, {}),
            "/health/ready": (200, {}),
            "/v1/models": (200, MODELS),
            "/v1/chat/completions": (200, COMPLETION),
            "/v1/completions": (200, COMPLETION),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, path: str) -> int:
        return [asked for asked, _ in self.asked].count(path)


class Handler(BaseHTTPRequestHandler):
    endpoint: Endpoint

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.endpoint.asked.append((self.path, json.loads(body) if body else None))
        self.endpoint.request_ids.append(self.headers.get("X-Request-Id", ""))
        time.sleep(self.endpoint.delays.get(self.path, 0))
        status, answer = self.endpoint.answers.get(self.path, (404, {}))
        if self.path.startswith("/v1") and not self._has_key():
            status, answer = 401, {"error": {"code": "invalid_api_key"}}
        if status == 0:  # hang up
            return
        text = answer if isinstance(answer, str) else json.dumps(answer)
        data = b"" if answer is None else text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def _has_key(self) -> bool:
        wanted = self.endpoint.key  # "": an engine behind the gateway asks for none
        return not wanted or self.headers.get("Authorization") == f"Bearer {wanted}"

    def log_message(self, *_: Any) -> None:
        return


def stop(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()
