"""`python -m machine.lab.cloud.metadata DOCUMENT ADDRESS`: EC2's instance metadata, version 2.

DOCUMENT: a JSON file {"user_data", "identity", "role", "meta_data": {path: value}}. The hop limit
is one, as the orchestrator launches its instances: no container behind a bridge gets an answer.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_HOP_LIMIT = 1
_LONGEST = 21_600  # seconds that a token may live
_VERSION = re.compile(r"^/(latest|20\d\d-\d\d-\d\d)(?=/|$)")


class Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], document: dict[str, Any]) -> None:
        self.tokens: dict[str, float] = {}
        self.answers = answers(document)
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # what is accepted inherits it: an answer dies at the first router it meets
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, _HOP_LIMIT)
        super().server_bind()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_PUT(self) -> None:
        wanted = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path.rstrip("/") != "/latest/api/token":
            self._answer(HTTPStatus.NOT_FOUND)
        elif "X-Forwarded-For" in self.headers:
            self._answer(HTTPStatus.FORBIDDEN)
        elif not wanted.isdecimal() or not 1 <= int(wanted) <= _LONGEST:
            self._answer(HTTPStatus.BAD_REQUEST)
        else:
            token = secrets.token_urlsafe(40)
            self.server.tokens[token] = time.monotonic() + int(wanted)
            self._answer(HTTPStatus.OK, token, ttl=wanted)

    def do_GET(self) -> None:
        token = self.headers.get("X-aws-ec2-metadata-token", "")
        if self.server.tokens.get(token, 0) < time.monotonic():
            self._answer(HTTPStatus.UNAUTHORIZED)
            return
        found = self.server.answers.get(_VERSION.sub("", self.path).strip("/"))
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND)
        else:
            self._answer(HTTPStatus.OK, found)

    def _answer(self, status: HTTPStatus, text: str = "", ttl: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if ttl:
            self.send_header("X-aws-ec2-metadata-token-ttl-seconds", ttl)
        self.end_headers()
        self.wfile.write(body)


def answers(document: dict[str, Any]) -> dict[str, str]:
    """Return path -> text; a folder's text is its list, where a folder in it ends with a slash."""
    files = {
        "user-data": document["user_data"],
        "dynamic/instance-identity/document": json.dumps(document["identity"]),
        f"meta-data/iam/security-credentials/{document['role']}": _credentials(),
        **{f"meta-data/{path}": str(value) for path, value in document["meta_data"].items()},
    }
    folders: dict[str, set[str]] = {}
    for path in files:
        parts = path.split("/")
        for depth in range(len(parts)):
            is_folder = depth < len(parts) - 1 and "/".join(parts[: depth + 1]) not in files
            entry = parts[depth] + ("/" if is_folder else "")
            folders.setdefault("/".join(parts[:depth]), set()).add(entry)
    return {path: "\n".join(sorted(entries)) for path, entries in folders.items()} | files


def _credentials() -> str:
    now = time.time()
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (now, now + 6 * 3600)]
    return json.dumps({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": times[0], "Expiration": times[1],
        "AccessKeyId": "ASIALABLABLABLABLAB1", "SecretAccessKey": "lab", "Token": "lab",
    })  # fmt: skip


def main() -> None:
    document, address = sys.argv[1:]
    Server((address, 80), json.loads(Path(document).read_text())).serve_forever()


if __name__ == "__main__":
    main()
