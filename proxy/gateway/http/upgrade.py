"""Clients that offer another protocol are answered in this one, as the standard allows.

Java's HTTP client offers h2c with every request that goes out without TLS. The parser stops at such
an offer and drops the body: so the head is read once more, without the offer.
"""

from collections.abc import Iterable

_OFFER = {b"upgrade", b"http2-settings"}


def declined(method: bytes, url: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the head of a request without its offer. Names are in lower case."""
    lines = [method + b" " + url + b" HTTP/1.1"]
    for name, value in fields:
        if name == b"connection":
            lines.append(b"connection: " + _without_offer(value))
        elif name not in _OFFER:
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])


def _without_offer(connection: bytes) -> bytes:
    return b", ".join(
        option for option in connection.split(b",") if option.strip().lower() not in _OFFER
    ).strip()
