"""A webhook on loopback that speaks TLS, as hooks.example.com."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HOST = "hooks.example.com"
SECRET = "T0/B0/planted-secret"


@dataclass
class Hook:
    """answers: one status for each request, the last one for all further ones; None hangs.

    heard: (path, headers, body) of each request. drips: seconds between two bytes of an answer.
    """

    port: int = 0
    answers: list[int | None] = field(default_factory=lambda: [200])
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    drips: float = 0.0
    ended: bool = False

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/services/{SECRET}?a=1"

    def next(self) -> int | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of HOST, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("hook") / "hook.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process trusts the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


@pytest.fixture
def hook(certificate: Path) -> Iterator[Hook]:
    here = Hook()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(here))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    here.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield here
    here.ended = True
    server.shutdown()
    server.server_close()
    thread.join()


def _handler(here: Hook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.heard.append((self.path, dict(self.headers), body))
            status = here.next()
            if status is None:
                _until_cut(self, here)
                return
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "https://elsewhere.example.com/")
            self.send_header("Content-Length", "0")
            for byte in b"".join(self._headers_buffer) if here.drips else b"":  # type: ignore[attr-defined]
                self.wfile.write(bytes([byte]))
                time.sleep(here.drips)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _until_cut(handler: BaseHTTPRequestHandler, here: Hook) -> None:
    handler.connection.settimeout(0.05)
    while not here.ended:
        try:
            if not handler.connection.recv(1):
                return
        except TimeoutError:
            continue
        except OSError:
            return
