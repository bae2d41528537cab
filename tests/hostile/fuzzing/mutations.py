"""What is done to an honest request: one function per way of being wrong, chosen at random."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from hostile.fuzzing.drafts import Draft

ODD_VALUES: tuple[Any, ...] = (
    0, 1, -1, 2**31, 2**63, 2**70, 10**400, 0.5, 1e308, -0.0, True, False, None, "", "x", "null",
    "\x00", "\ud800", "é" * 50, "A" * 5000, [], {}, [[]], [None] * 100, {"a": {"b": {"c": []}}},
    {"": ""}, "tiny", "../../etc/passwd", "\r\nX: y", "data: [DONE]\n\n",
)  # fmt: skip
ODD_NAMES = ("model", "stream", "n", "max_tokens", "max_completion_tokens", "stream_options",
             "messages", "input", "", "\x00", "__proto__", "é", "lab2", "priority")  # fmt: skip
ODD_BYTES = (b"NaN", b"\xff", b"\x00", b"{", b"}", b"[", b'"', b"\\u12", b"1e999", b"-", b"\r\n",
             b"\xed\xa0\x80", b"//", b"[" * 500, b'{"a":' * 500, b"9" * 500)  # fmt: skip
ODD_HEADERS = (
    ("Content-Type", "text/plain"), ("Content-Type", "application/json; charset=latin-1"),
    ("Content-Type", "multipart/form-data"), ("Content-Type", ""), ("Content-Encoding", "gzip"),
    ("Content-Encoding", "identity"), ("Accept", "text/html"), ("Accept", "\xff"),
    ("Accept-Encoding", "gzip, br"), ("Expect", "100-continue"), ("Expect", "nothing"),
    ("X-Request-Id", "a" * 300), ("X-Request-Id", "\xe9"), ("X-Request-Id", ""),
    ("X-Stainless-Read-Timeout", "nan"), ("X-Stainless-Read-Timeout", "-1"),
    ("X-Stainless-Read-Timeout", "600"), ("X-Stainless-Timeout", "words"),
    ("traceparent", "00-" + "0" * 32), ("traceparent", "\xff"), ("Cookie", "a=b"),
    ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "nonsense, ::1"), ("Range", "bytes=0-1"),
    ("If-None-Match", "*"), ("Origin", "https://evil.example"), ("X-Session-Id", "s" * 200),
    ("X-Api-Key", "sk-unknown"), ("Authorization", "Bearer sk-alice-wrong"),
    ("Authorization", "Basic YTpi"), ("Authorization", ""), ("Upgrade", "h2c"), ("Via", "1.1 x"),
    ("Connection", "close"), ("Connection", "upgrade, x"), ("X-Lamplighter-Keepalive", "1"),
    ("Prefer", "wait=1"), ("Priority", "u=9"), ("X-Priority", "batch"), ("Host", "other"),
)  # fmt: skip
METHODS = (
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "get",
    "",
)
VERSIONS = ("HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/1.9", "HTTP/0.9", "HTTP/11", "ICY", "")
PATHS = ("/", "/v1", "/v1/", "//", "/sleep", "/v1/models/", "/v1/models/%ff", "/metrics", "/status",
         "/docs", "/openapi.json", "*", "/v1/chat/completions/", "/%00", "/..", "/v1/files",
         "http://169.254.169.254/v1/models", "/health/ready?x=%zz", "/invocations")  # fmt: skip


def value(draft: Draft, random: Random) -> None:
    """Give some field, at some depth, a value that nobody expects there."""
    holder: Any = draft.document
    while isinstance(holder, (dict, list)) and holder:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = random.choice(keys)
        if not isinstance(holder[key], (dict, list)) or random.random() < 0.5:
            holder[key] = deepcopy(random.choice(ODD_VALUES))
            return
        holder = holder[key]


def fields(draft: Draft, random: Random) -> None:
    """Take a field away, or add one."""
    document = draft.document
    if document is None:
        return
    if document and random.random() < 0.4:
        del document[random.choice(list(document))]
    else:
        document[random.choice(ODD_NAMES)] = deepcopy(random.choice(ODD_VALUES))


def text(draft: Draft, random: Random) -> None:
    """Spoil the body's own bytes."""
    draft.body = spoiled(draft.encoded(), random)


def repeated(draft: Draft, random: Random) -> None:
    """Name a field a second time."""
    body = draft.encoded()
    if body.startswith(b"{"):
        again = json.dumps({random.choice(ODD_NAMES): deepcopy(random.choice(ODD_VALUES))}).encode()
        draft.body = again[:-1] + b"," + body[1:] if len(body) > 2 else again


def deep(draft: Draft, random: Random) -> None:
    """Nest something, closed or not."""
    depth = random.choice((10, 127, 128, 129, 500, 3000))
    close = random.random() < 0.7
    nest = b"[" * depth + (b"]" * depth if close else b"")
    draft.body = b'{"model":"tiny","x":' + nest + b"}"


def large(draft: Draft, random: Random) -> None:
    """Make it long; now and then too long."""
    size = random.choice((10_000, 100_000, 100_000, 2_000_000))
    draft.body = b'{"model":"tiny","x":"' + b"a" * size + b'"}'


def header(draft: Draft, random: Random) -> None:
    """Add, replace or remove a header."""
    name, content = random.choice(ODD_HEADERS)
    kind = random.randrange(3)
    if kind != 0:  # replace, or remove
        draft.headers = [each for each in draft.headers if each[0] != name]
    if kind != 2:
        draft.headers.insert(random.randrange(len(draft.headers) + 1), (name, content))


def header_text(draft: Draft, random: Random) -> None:
    """Spoil a header's bytes."""
    if draft.headers:
        at = random.randrange(len(draft.headers))
        name, content = draft.headers[at]
        bad = spoiled(content.encode("latin-1"), random).decode("latin-1")
        draft.headers[at] = (name, bad)
        draft.framed = draft.framed and not re.search(r"[\r\n]", bad)


def line(draft: Draft, random: Random) -> None:
    """Change the method, the path or the version."""
    kind = random.randrange(4)
    if kind == 0:
        draft.method = random.choice(METHODS)
    elif kind == 1:
        draft.path = random.choice(PATHS)
    elif kind == 2:
        draft.path = spoiled(draft.path.encode(), random).decode("latin-1")
    else:
        draft.version = random.choice(VERSIONS)
    draft.framed = False


def length(draft: Draft, random: Random) -> None:
    """Say another length than the body has, or say it oddly."""
    true = len(draft.encoded())
    said = random.choice((true + 1, true - 1, true * 2, 0, -1, 2**64, f"{true}, {true}", f" {true}",
                          f"+{true}", f"{true:x}h", "", 2**31))  # fmt: skip
    draft.headers.append(("Content-Length", str(said)))
    draft.framed = False


def chunks(draft: Draft, random: Random) -> None:
    """Send the body in chunks, rightly or wrongly."""
    body, parts = draft.encoded(), []
    while body:
        size = random.randrange(1, len(body) + 1)
        extension = random.choice((b"", b"", b";a=b", b";", b";" + b"a" * 300))
        parts.append(b"%x%b\r\n%b\r\n" % (size, extension, body[:size]))
        body = body[size:]
    draft.body = b"".join(parts) + b"0\r\n\r\n"
    if random.random() < 0.5:
        draft.body = spoiled(draft.body, random)
        draft.framed = False
    draft.headers.append(("Transfer-Encoding", "chunked"))


MUTATIONS: tuple[Callable[[Draft, Random], None], ...] = (
    value, value, value, fields, fields, text, text, repeated, deep, large, header, header, header,
    header_text, line, length, chunks, chunks,
)  # fmt: skip


def spoiled(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    kind = random.randrange(5)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + random.randbytes(1) + data[at + 1 :]
    if kind == 2:
        return data[:at] + random.choice(ODD_BYTES) + data[at:]
    if kind == 3:
        return data[:at] + data[at + random.randrange(1, 9) :]
    return data + random.choice(ODD_BYTES)
