"""Clients that take their time: each is let go of, sooner or later, and costs nobody anything.

The gateway's bounds are set to two seconds for them; nginx has its own, so they wait side by side.
"""

from __future__ import annotations

from hostile.cases.bodies import declared
from hostile.cases.case import BODY, Case, any_of, get, post

BOUND = 100.0  # seconds; the gateway's longest bound is its keep-alive of 75 s
_CHUNKED = b"Transfer-Encoding: chunked"


def cases(limit: int) -> list[Case]:
    gone = any_of(400, 408)
    good, chunked = post(), post(b"", _CHUNKED, length=False)
    begun = get()[:-20]
    conversations: dict[str, tuple[bytes | float, ...]] = {
        "nothing at all": (b"",),
        "HTTP/0.9 in one line": (b"GET /v1/models\r\n",),
        "half a request line": (b"GET /v1/mod",),
        "half the headers": (begun,),
        "headers that drip, then stop": (begun, *_dripped(b"a: 1\r\n" * 4)),
        "a header that drips, then stops": (begun, *_dripped(b"x" * 20)),
        "no body": (good[: -len(BODY)],),
        "half the body": (good[:-10],),
        "a body that drips, then stops": (good[:-30], *_dripped(good[-30:-10])),
        "chunks that stop": (chunked + b"3C\r\n{",),
        "chunks that drip, then stop": (chunked, *_dripped(b"1\r\n{\r\n" * 3)),
    }
    # nginx, whose own limit is higher, waits for the body before it asks the gateway
    large = Case("a body over the limit that does not come", (declared(limit + 1),), any_of(413),
                 front=any_of(408, 413), closes=True, bound=BOUND)  # fmt: skip
    return [large] + [
        Case(f"slow: {name}", pieces, gone, closes=True, bare=True, bound=BOUND)
        for name, pieces in conversations.items()
    ]


def _dripped(data: bytes) -> tuple[bytes | float, ...]:
    return tuple(piece for byte in data for piece in (bytes([byte]), 1.0))
