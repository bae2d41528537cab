"""The gateway's pages without a socket: who asks, and from where, is the test's to say."""

import json
from pathlib import Path
from typing import Any, cast

import httpx
from gateway.access.keys_file import new_entry
from gateway.core.request_record import RequestRecord
from gateway.gateway import Gateway
from gateway.settings.gateway_settings import Settings

from gatewaylab.records import record_of
from gatewaylab.running import KEY

HERE = "127.0.0.1"
ELSEWHERE = "203.0.113.7"


class Visitor:
    """Asks for pages, from this machine unless told otherwise. Nobody probes the backends."""

    def __init__(self, settings: Settings) -> None:
        self.gateway = Gateway(settings)
        self.app = self.gateway.app

    async def ask(
        self, path: str, *, method: str = "GET", peer: str = HERE, **headers: str
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app=cast("Any", self.app), client=(peer, 50_000))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, path, headers=named)

    def backend_serves(self, *models: str) -> None:
        """Tell the gateway that its first backend was seen to be up with these models."""
        backend = self.gateway.routing.backends[0]
        backend.learned({name: b'{"id":"%b"}' % name.encode() for name in models})
        backend.found("up")


def written_keys(folder: Path, **limits: Any) -> Path:
    """Return a file with Alice's key in it."""
    path = folder / "alice.json"
    path.write_text(json.dumps({"keys": [new_entry("alice", KEY, **limits)]}))
    return path


def chat(**changes: Any) -> RequestRecord:
    """Return what is known of a good, streamed chat completion."""
    facts: dict[str, Any] = {
        "method": "POST", "path": "/v1/chat/completions", "operation": "chat", "request_id": "id-1",
        "client": ELSEWHERE, "began": 1_790_000_000.5, "key_id": "alice", "model": "tiny",
        "backend": "127.0.0.1:8000", "stream": True, "status": 200, "queued": 0.03,
        "first_byte": 0.25, "seconds": 1.25, "chunks": 11, "prompt_tokens": 30,
        "completion_tokens": 11, "request_bytes": 200, "response_bytes": 2000,
    }  # fmt: skip
    return record_of(**facts | changes)
