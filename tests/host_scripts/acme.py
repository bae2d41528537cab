"""An authority on loopback: pebble, a name server that knows the fake Route53, port 80."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from patience import eventually
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# of pebble: no pauses, no made-up errors, and every order proved anew
PEBBLE = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}

_A, _TXT, _NXDOMAIN = 1, 16, 3


class Names(socketserver.ThreadingUDPServer):
    """Every name is this machine; a TXT record is what told says. dead: nothing is known."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], told: Callable[[str], str | None]) -> None:
        super().__init__(address, _Question)
        self._told, self.dead = told, False

    def txt(self, name: str) -> str | None:
        return None if self.dead else self._told(f"{name.lower()}.")


def records(folder: Path) -> Callable[[str], str | None]:
    """Return what reads the fake Route53's files."""

    def told(name: str) -> str | None:
        path = folder / name
        return path.read_text().strip('"') if path.is_file() else None

    return told


class _Question(socketserver.BaseRequestHandler):
    server: Names

    def handle(self) -> None:
        packet, sock = self.request
        name, end = _name(packet)
        kind = struct.unpack("!H", packet[end : end + 2])[0]
        data = self._data(name, kind)
        code = _NXDOMAIN if kind == _TXT and data is None else 0
        header = packet[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, int(data is not None), 0, 0)
        answer = b""
        if data is not None:
            answer = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(data)) + data
        sock.sendto(header + packet[12 : end + 4] + answer, self.client_address)

    def _data(self, name: str, kind: int) -> bytes | None:
        if kind == _A:
            return socket.inet_aton("127.0.0.1")
        text = self.server.txt(name) if kind == _TXT else None
        return None if text is None else bytes([len(text)]) + text.encode()


def _name(packet: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += packet[at] + 1
    return ".".join(labels), at + 1


class _Webroot(http.server.SimpleHTTPRequestHandler):
    """Port 80 of the host; also as the proxy through which the host reaches itself by name."""

    def do_GET(self) -> None:
        self.path = urllib.parse.urlsplit(self.path).path
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        return


class Acme:
    """environment: for the programs of a host that is to order here."""

    def __init__(self, folder: Path, aws: Path, webroot: Path) -> None:
        self.folder, self.webroot = folder, webroot
        self.names = Names(("127.0.0.1", 0), records(aws / "route53"))
        self.port, self.management, self.http = free_port(), free_port(), free_port()
        self.directory = f"https://127.0.0.1:{self.port}/dir"
        self.environment = {
            "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
            "http_proxy": f"http://127.0.0.1:{self.http}",
        }

    @contextmanager
    def running(self, days: int = 90) -> Iterator[Acme]:
        """Run it; its certificates last so many days. It remembers nothing of an earlier run."""
        with ExitStack() as stack:
            webroot = lambda *given: _Webroot(*given, directory=str(self.webroot))  # noqa: E731
            front = http.server.ThreadingHTTPServer(("127.0.0.1", self.http), webroot)
            for server in (self.names, front):
                threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
                stack.callback(server.server_close)
                stack.callback(server.shutdown)
            process = self._pebble(days)
            stack.callback(process.wait, 10)
            stack.callback(process.terminate)
            eventually(self._is_up, bool, 15)
            yield self

    def orders(self) -> int:
        """Return how many orders the authority has seen."""
        return orders(self.folder / "pebble.log")

    def root(self) -> str:
        with urllib.request.urlopen(
            f"https://127.0.0.1:{self.management}/roots/0", context=self._trust()
        ) as answer:
            return str(answer.read().decode())

    def _pebble(self, days: int) -> subprocess.Popen[bytes]:
        self.certify()
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.folder / "ca.pem"),
            "privateKey": str(self.folder / "ca.key"),
            "httpPort": self.http,
            "tlsPort": free_port(),
        }
        resolver = f"127.0.0.1:{self.names.server_address[1]}"
        command = pebble(self.folder / "pebble.json", config, days, resolver)
        with (self.folder / "pebble.log").open("w") as log:
            return subprocess.Popen(command, env=os.environ | PEBBLE, stdout=log, stderr=log)

    def certify(self) -> None:
        files = ["-keyout", f"{self.folder}/ca.key", "-out", f"{self.folder}/ca.pem"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"]
        names = ["-subj", "/CN=pebble", "-addext", "subjectAltName=IP:127.0.0.1"]
        command = ["openssl", "req", "-x509", *names, *key, *files]
        subprocess.run(command, check=True, capture_output=True)

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def _is_up(self) -> bool:
        try:
            return bool(self.root())
        except OSError:
            return False


def pebble(file: Path, addresses: dict[str, Any], days: int, resolver: str) -> list[str]:
    """Write its settings; return the command. resolver: address:port of the name server."""
    config = {
        **addresses,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "domainBlocklist": ["blocked-domain.example"],
        "certificateValidityPeriod": days * 86_400,
    }
    file.write_text(json.dumps({"pebble": config}))
    return [program("pebble"), "-config", str(file), "-dnsserver", resolver]


def orders(log: Path) -> int:
    """Return how many orders the authority with this log has seen."""
    return log.read_text().count("Added order ")


def program(name: str) -> str:
    """Return its path; without it nobody knows whether orders work."""
    found = shutil.which(name)
    if not found:
        pytest.fail(f"{name} is not on PATH: install it (apt-get install {name}) and run again")
    return found
