"""Where one request ends and the next begins: whoever reads that differently smuggles.

Each of these hides a second request for an administrator's path. The engine hears of none.
"""

from __future__ import annotations

from hostile.cases.case import BODY, Case, any_of, get, post

HIDDEN = b"POST /sleep HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n"
_CHUNKED = b"Transfer-Encoding: chunked"

LENGTHS = {
    "two different lengths": (b"Content-Length: 0", b"Content-Length: %d" % len(HIDDEN)),
    "two equal lengths": (b"Content-Length: 5", b"Content-Length: 5"),
    "a list of lengths": (b"Content-Length: 7, 7",),
    "a negative length": (b"Content-Length: -1",),
    "a signed length": (b"Content-Length: +60",),
    "a hexadecimal length": (b"Content-Length: 0x10",),
    "a length in words": (b"Content-Length: ten",),
    "a length with an exponent": (b"Content-Length: 1e1",),
    "a length with an underscore": (b"Content-Length: 6_0",),
    "a length with a blank inside": (b"Content-Length: 6 0",),
    "an empty length": (b"Content-Length: ",),
    "a length beyond 64 bits": (b"Content-Length: 18446744073709551617",),
    "a length of 100 digits": (b"Content-Length: " + b"9" * 100,),
    "a length and chunks": (b"Content-Length: 5", _CHUNKED),
    "chunks and a length": (_CHUNKED, b"Content-Length: 5"),
    "chunks twice": (b"Transfer-Encoding: chunked, chunked",),
    "chunks in two headers": (_CHUNKED, _CHUNKED),
    "chunks, then something else": (b"Transfer-Encoding: chunked, identity",),
    "chunks that are compressed": (b"Transfer-Encoding: gzip, chunked",),
    "an unknown coding": (b"Transfer-Encoding: xchunked",),
    "a coding of nothing": (b"Transfer-Encoding: ",),
    "identity and a length": (b"Transfer-Encoding: identity", b"Content-Length: 5"),
    "a coding with a blank before its colon": (b"Transfer-Encoding : chunked",),
    "a coding after a vertical tab": (b"Transfer-Encoding: \x0bchunked",),
    "a coding with a NUL": (b"Transfer-Encoding: chunked\x00",),
    "a folded coding": (b"Transfer-Encoding:\r\n chunked",),
    "a folded header": (b"X-Folded: a\r\n\tb",),
    "a coding with an underscore": (b"Content-Length: 5", b"Transfer_Encoding: chunked"),
}

# Odd, and plain: what is hidden is a request of its own, and a 404. The first is so to nginx only.
COUNTED = {"a size with blanks", "an endless size"}

# Some of these an honest reader may take: the odd one that is taken is one request and no more.
LENIENT = {
    "two equal lengths",
    "an empty length",
    "identity and a length",
    "a coding of nothing",
    "a coding with an underscore",
    "chunks in two headers",
}

CHUNKS = {
    "an overflowing size": b"FFFFFFFFFFFFFFFFF\r\n" + BODY,
    "a size just beyond 64 bits": b"1000000000000003C\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a negative size": b"-1\r\n" + BODY,
    "a signed size": b"+3C\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a size with a prefix": b"0x3C\r\n" + BODY + b"\r\n0\r\n\r\n",
    "no size": b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a size that is none": b"zz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "too small a size": b"5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a size with blanks": b"3C  x\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a bare CR after the size": b"3C\r" + BODY + b"\r\n0\r\n\r\n",
    "a missing end": b"3C\r\n" + BODY + b"0\r\n\r\n",
    "an endless size": b"0" * 70_000 + b"3C\r\n" + BODY + b"\r\n0\r\n\r\n",
}

TAKEN_CHUNKS = {
    "an extension": b"3C;a=b\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a quoted extension": b'3C;a="b;\\"c"\r\n' + BODY + b"\r\n0\r\n\r\n",
    "a long extension": b"3C;" + b"a" * 5000 + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a trailer": b"3C\r\n" + BODY + b"\r\n0\r\nX-Sum: 1\r\n\r\n",
    "a trailer that reframes": b"3C\r\n" + BODY + b"\r\n0\r\nContent-Length: 9\r\n\r\n",
    "a trailer that authorises": b"3C\r\n" + BODY + b"\r\n0\r\nAuthorization: Bearer x\r\n\r\n",
    "bare LF lines": b"3C\n" + BODY + b"\n0\n\n",
    "an LF in the extension": b"3C;\n" + BODY + b"\r\n0\r\n\r\n",
    "leading zeros": b"000000003C\r\n" + BODY + b"\r\n0\r\n\r\n",
    "single bytes": b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n",
}


def cases() -> list[Case]:
    assert len(BODY) == 0x3C
    return [
        *(_length(name, lines) for name, lines in LENGTHS.items()),
        *(_chunks(name, body) for name, body in CHUNKS.items()),
        *(
            Case(
                f"chunks with {n}",
                (post(b, _CHUNKED, length=False),),
                any_of(200, 400, 431),
                reaches=1,
                closes=True,
            )
            for n, b in TAKEN_CHUNKS.items()
        ),
        # a body where none belongs must not follow its request to the engine without its length
        *(
            Case(
                f"a hidden request in the body of a GET of {path.decode()}",
                (get(path, b"Content-Length: %d" % len(HIDDEN)) + HIDDEN,),
                any_of(200, 400, 413, 415),
                reaches=1,
                closes=True,
            )
            for path in (b"/v1/models", b"/v1/models/tiny", b"/version", b"/health", b"/status")
        ),
        Case(
            "a hidden request in the chunks of a GET",
            (get(b"/version", _CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),),
            any_of(200, 400, 413, 415),
            reaches=1,
            closes=True,
        ),
        Case(
            "garbage after the body",
            (post() + b"\x00\xff garbage\r\n\r\n",),
            any_of(200, 400),
            answers=2,
            reaches=1,
            closes=True,
        ),
        Case(
            "a path that is not here, after the body",
            (post() + HIDDEN,),
            any_of(200, 404),
            answers=2,
            reaches=1,
        ),
        Case(
            "a hidden request behind a refused one",
            (post(b"{", b"Expect: 100-continue") + HIDDEN,),
            any_of(400, 404),
            answers=2,
            closes=True,
        ),
    ]


def _chunks(name: str, body: bytes) -> Case:
    data = post(body, _CHUNKED, length=False) + HIDDEN
    if name not in COUNTED:
        return Case(f"chunks with {name}", (data,), closes=True)
    counted, taken = any_of(200, 400, 404), name == "an endless size"
    return Case(
        f"chunks with {name}",
        (data,),
        counted if taken else any_of(400),
        closes=True,
        answers=2,
        reaches=int(taken),
        front=counted,
        front_reaches=1,
    )


def _length(name: str, lines: tuple[bytes, ...]) -> Case:
    allowed = any_of(200, 400, 404, 415) if name in LENIENT else any_of(400, 413)
    reaches = int(name in LENIENT)
    data = post(HIDDEN, *lines, length=False)
    # What a lenient reader takes ends before the hidden request, which is then an honest 404.
    answers = 2 if name in LENIENT else 1
    return Case(name, (data,), allowed, closes=True, reaches=reaches, answers=answers)
