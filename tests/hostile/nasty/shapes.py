"""Ten shapes of a body that a careless reader would choke on, and the plain one they compare to.

Every body has the same size, up to one unit, and is made while it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, repeat

SIZE = 50 * 1024 * 1024
_CHUNK = 256 * 1024
_BOUNDARY = b"nasty"
_PARTS = 100  # of a form; more than 128 are refused

Units = Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Shape:
    """`units` are repeated between `before` and `after`; status: what the gateway answers."""

    name: str
    before: bytes
    units: Units
    after: bytes
    path: str = "/v1/chat/completions"
    kind: str = "application/json"
    status: int = 200

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield a body of at most so many bytes."""
        left = size - len(self.before) - len(self.after)
        chunk = bytearray(self.before)
        for unit in self.units():
            left -= len(unit)
            if left < 0:
                break
            chunk += unit
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
        yield bytes(chunk) + self.after


def _same(unit: bytes) -> Units:
    block = unit * (4096 // len(unit) + 1)
    return lambda: repeat(block)


def _keys() -> Iterator[bytes]:
    return (b'"%d":1,' % number for number in count())


def _form() -> Iterator[bytes]:
    """Yield parts full of what looks like their end for all but its last byte."""
    head = b'\r\n--nasty\r\nContent-Disposition: form-data; name="f%d"; filename="f"\r\n\r\n'
    almost = b"\r\n--nast" * (SIZE // _PARTS // 8 - 32)
    return (head % number + almost for number in range(_PARTS))


def _json(name: str, before: bytes, unit: bytes, after: bytes) -> Shape:
    return Shape(name, before, _same(unit), after)


PLAIN = _json(
    "plain messages",
    b'{"model":"tiny","messages":[',
    b'{"role":"user","content":"' + b"Tell me more about it. " * 40 + b'"},',
    b'{"role":"user","content":"Hi"}]}',
)
SHAPES = (
    # the word has each piece parsed once more, in search of a restricted field
    _json("deep nesting", b'{"x":[', b"[" * 100 + b'"_embeds"' + b"]" * 100 + b",", b"0]}"),
    Shape("many keys", b"{", _keys, b'"model":"tiny"}'),
    _json("one huge string", b'{"x":"', b"y", b'"}'),
    _json("many escapes", b'{"x":["', b'\\u0065\\n\\"\\\\', b'"]}'),
    _json("many small numbers", b'{"x":[', b"1,", b"0]}"),
    _json("whitespace", b'{"x":', b" \n\t\r", b"1}"),
    _json(
        "many duplicates",
        b"{",
        b'"model":"tiny","stream":true,"stream_options":{"include_usage":false},',
        b'"stream":false}',
    ),
    _json("surrogate escapes", b'{"x":"', b"\\ud83d\\ude00", b'"}'),
    Shape(
        "many parts of a form", b"", _form, b"\r\n--nasty--\r\n", "/v1/audio/transcriptions",
        f"multipart/form-data; boundary={_BOUNDARY.decode()}",
    ),
    _json("many messages", b'{"messages":[', b'{"role":"user","content":"a"},', b"{}]}"),
)  # fmt: skip
