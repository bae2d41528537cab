"""Send bytes that no HTTP library would, and read what comes back as strictly as one."""

from __future__ import annotations

import re
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ?([^\r\n]*)")
_FIELD = re.compile(rb"([!#-'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)")
_LIKELY_SILENT = 0.05  # after a whole answer: a second one would have come with it


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given == name]

    def header(self, name: str) -> str | None:
        return ", ".join(self.all(name)) or None


@dataclass
class Heard:
    """All that came back. `rest` is what could not be read as an answer; closed: by the server."""

    answers: list[Answer] = field(default_factory=list)
    rest: bytes = b""
    closed: bool = False
    seconds: float = 0.0

    @property
    def final(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status >= 200]


class Broken(Exception):
    """The server's own bytes are no HTTP."""


@dataclass(frozen=True)
class Door:
    """Where to knock: plain, or behind nginx's TLS."""

    port: int
    tls: bool = False

    def open(self) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.tls:
            return plain
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain)


def talk(
    door: Door,
    pieces: tuple[bytes | float, ...],
    *,
    bound: float,
    head: bool = False,
    expected: int = 1,
    leave: bool = False,
    half_close: bool = False,
) -> Heard:
    """Send the pieces, a number being a pause in seconds; hear until all is said or time is up.

    head: the answers have no bodies. expected: how many final answers end the wait. leave: hang up
    without listening. half_close: say that nothing more will come.
    """
    began, heard, data = time.monotonic(), Heard(), b""
    with door.open() as wire:
        data, heard.closed = _send(wire, pieces)
        if leave:
            return heard
        if half_close:
            wire.shutdown(socket.SHUT_WR)
        while not heard.closed and (left := began + bound - time.monotonic()) > 0:
            heard.answers, heard.rest = parse(data, head=head)
            whole = len(heard.final) >= expected and not heard.rest
            wire.settimeout(min(left, _LIKELY_SILENT) if whole else left)
            more = _receive(wire)
            if more is None and whole:
                break
            heard.closed = more == b""
            data += more or b""
        heard.answers, heard.rest = parse(data, head=head, closed=heard.closed)
    heard.seconds = time.monotonic() - began
    return heard


def _send(wire: socket.socket, pieces: tuple[bytes | float, ...]) -> tuple[bytes, bool]:
    """Return what came back meanwhile, and whether the other side had enough before the end."""
    data = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            try:
                wire.sendall(piece)
            except OSError:  # refused in mid-sentence; what was said about it may still be read
                return data, False
            continue
        wire.settimeout(piece)
        more = _receive(wire)
        if more == b"":
            return data, True
        data += more or b""
        wire.settimeout(30)
    return data, False


def _receive(wire: socket.socket) -> bytes | None:
    """Return b"" once the other side has closed, None if it is silent."""
    try:
        return wire.recv(1 << 18)
    except (TimeoutError, ssl.SSLWantReadError):
        return None
    except OSError:
        return b""


def parse(data: bytes, *, head: bool = False, closed: bool = False) -> tuple[list[Answer], bytes]:
    """Return whole answers, and the beginning of one that is not. Raises Broken."""
    answers: list[Answer] = []
    while data:
        top, blank, rest = data.partition(b"\r\n\r\n")
        if not blank:
            break
        status, headers = _top(top)
        taken = b"", rest
        if not (head or status < 200 or status in {204, 304}):
            body = _body(headers, rest, closed=closed)
            if body is None:
                break
            taken = body
        answers.append(Answer(status, headers, taken[0]))
        data = taken[1]
    return answers, data


def _top(top: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    line, *lines = top.split(b"\r\n")
    status = _STATUS.fullmatch(line)
    fields = [_FIELD.fullmatch(each) for each in lines]
    if not status or not all(fields):
        raise Broken(repr(top[:500]))
    told = [(m[1].decode().lower(), m[2].decode("latin-1")) for m in fields if m]
    return int(status[1]), tuple(told)


def _body(
    headers: tuple[tuple[str, str], ...], rest: bytes, *, closed: bool
) -> tuple[bytes, bytes] | None:
    """Return the body and what follows it; None while it is not whole."""
    lengths = [value for name, value in headers if name == "content-length"]
    codings = [value for name, value in headers if name == "transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise Broken(f"two framings: {headers}")
    if codings:
        return _chunked(rest)
    if not lengths:
        return (rest, b"") if closed else None
    length = int(lengths[0])
    return (rest[:length], rest[length:]) if len(rest) >= length else None


def _chunked(rest: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while True:
        size, line, rest = rest.partition(b"\r\n")
        if not line:
            return None
        with suppress(ValueError):
            length = int(size, 16)
            if len(rest) < length + 2:
                return None
            if rest[length : length + 2] != b"\r\n":
                raise Broken(f"a chunk without its end: {rest[:100]!r}")
            body, rest = body + rest[:length], rest[length + 2 :]
            if length == 0:
                return body, rest
            continue
        raise Broken(f"no chunk size: {size[:100]!r}")
