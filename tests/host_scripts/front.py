"""A real nginx on loopback with the rendered configuration, and a small upstream behind it."""

from __future__ import annotations

import getpass
import http.client
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from host_scripts.sandbox import render
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from http.client import HTTPResponse
    from pathlib import Path

LATE_SECONDS = 2.5
STATUSES = {"absent": 404, "busy": 429}


class Upstream(BaseHTTPRequestHandler):
    """Answers /slow late, /stream in two pieces, /reset not at all; keeps what it saw.

    The second piece waits until somebody has read the first; after 5 s it says so.
    """

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[str, dict[str, str], int]]] = []
    first_read: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append((self.path, headers, self.client_address[1]))
        if "slow" in self.path or "completions" in self.path:
            time.sleep(LATE_SECONDS)
        if "reset" in self.path:
            self.close_connection = True
            return
        self.send_response(self._status())
        if "busy" in self.path:
            self.send_header("Retry-After", "7")
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        if "stream" in self.path:
            self._stream()
            return
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def _status(self) -> int:
        return next((code for word, code in STATUSES.items() if word in self.path), 200)

    def _stream(self) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        was_read = self.first_read.wait(5)
        self.wfile.write(b"4\r\nlast\r\n" if was_read else b"6\r\nunread\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        return


class Front:
    def __init__(self, folder: Path, **values: Any) -> None:
        self.folder = folder
        self.http, self.https, self.up = (free_port() for _ in range(3))
        self.conf = folder / "nginx.conf"
        self.conf.write_text(self._adapt(render("nginx.conf.j2", gateway_port=self.up, **values)))
        (folder / "acme").mkdir()
        certificate(folder / "tls")

    def _adapt(self, text: str) -> str:
        """Paths and ports that a test may use; nothing else differs from what a host gets."""
        swaps = {
            "user www-data;": f"user {getpass.getuser()};",
            "/run/nginx.pid": f"{self.folder}/pid",
            "/var/log/nginx/": f"{self.folder}/",
            "/var/www/acme": f"{self.folder}/acme",
            "/etc/lamplighter/tls/": f"{self.folder}/tls/",
            "/run/lamplighter/": f"{self.folder}/",
            "listen 80 ": f"listen 127.0.0.1:{self.http} ",
            "listen 443 ": f"listen 127.0.0.1:{self.https} ",
            "http {\n": "http {\n"
            + "".join(
                f"{kind}_temp_path {self.folder}/{kind};\n"
                for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            ),
        }
        for old, new in swaps.items():
            assert old in text, old
            text = text.replace(old, new)
        return text

    def check(self) -> subprocess.CompletedProcess[str]:
        command = [nginx(), "-t", "-c", str(self.conf), "-e", str(self.folder / "error.log")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def start(self) -> subprocess.Popen[bytes]:
        command = [nginx(), "-c", str(self.conf), "-e", str(self.folder / "error.log")]
        process = subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.https)) == 0:
                    return process
            time.sleep(0.05)
        process.kill()
        raise AssertionError((self.folder / "error.log").read_text())

    def logs(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def tls(self, *protocols: str) -> ssl.SSLSocket:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.https), timeout=10))

    @contextmanager
    def asking(self, path: str, method: str = "GET", **more: Any) -> Iterator[HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.https, timeout=10)
        with self.tls() as connection.sock:
            connection.request(method, path, **more)
            with connection.getresponse() as response:
                yield response

    def ask(self, path: str, method: str = "GET", **more: Any) -> Answer:
        with self.asking(path, method, **more) as response:
            return Answer(response.status, response.headers, response.read())


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def nginx() -> str:
    """Return the program; a machine without it cannot tell whether the configuration is right."""
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if not found:
        pytest.fail("nginx is not on PATH: install it (apt-get install nginx-light) and run again")
    return found


def certificate(folder: Path) -> None:
    folder.mkdir()
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    files = ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")]
    subprocess.run(
        ["openssl", "req", "-x509", "-subj", "/CN=test", "-days", "2", *key, *files],
        check=True,
        capture_output=True,
    )


def serve(port: int) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
