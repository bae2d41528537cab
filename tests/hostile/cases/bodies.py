"""Honest HTTP around bodies that are none: the engine must not see what is refused."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import zstandard

from hostile.cases.case import BODY, CHAT, Case, any_of, post

MiB = 1024 * 1024
_LIST, _OBJECT = b"[" * 100_000, b'{"a":' * 100_000

MALFORMED = {
    "nothing": b"",
    "blanks only": b" \r\n\t ",
    "half a document": BODY[:-7],
    "two documents": BODY + BODY,
    "trailing garbage": BODY + b"x",
    "a trailing NUL": BODY + b"\x00",
    "a list": b"[" + BODY + b"]",
    "null": b"null",
    "a string": b'"{}"',
    "NaN": b'{"model":"tiny","temperature":NaN}',
    "Infinity": b'{"model":"tiny","temperature":-Infinity}',
    "UTF-16": BODY.decode().encode("utf-16"),
    "UTF-32": BODY.decode().encode("utf-32"),
    "invalid UTF-8 in the model": b'{"model":"\xff"}',
    "invalid UTF-8 in a message": b'{"model":"tiny","messages":[{"content":"\xc3("}]}',
    "invalid UTF-8 in an unknown field": b'{"model":"tiny","x":"\xfe"}',
    "invalid UTF-8 in a name": b'{"model":"tiny","\x80":1}',
    "overlong UTF-8": b'{"model":"tiny","x":"\xc0\xaf"}',
    "an encoded surrogate": b'{"model":"tiny","x":"\xed\xa0\x80"}',
    "a raw control character": b'{"model":"tiny","x":"a\nb"}',
    "a raw NUL": b'{"model":"tiny","x":"\x00"}',
    "a bad escape": b'{"model":"tiny","x":"\\q"}',
    "a comment": b'{"model":"tiny"/**/}',
    "a trailing comma": b'{"model":"tiny",}',
    "single quotes": b"{'model':'tiny'}",
    "a leading zero": b'{"model":"tiny","x":01}',
    "a bare plus": b'{"model":"tiny","x":+1}',
    "100k lists deep": b'{"model":"tiny","x":' + _LIST + b"]" * 100_000 + b"}",
    "100k objects deep": b'{"model":"tiny","x":' + _OBJECT + b"1" + b"}" * 100_000 + b"}",
    "100k lists deep and unclosed": _LIST,
    "100k objects deep and unclosed": _OBJECT,
    "1,000 lists deep": b'{"model":"tiny","x":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "stream as a list": b'{"model":"tiny","stream":[]}',
    "max_tokens as a float": b'{"model":"tiny","max_tokens":1.5}',
    "the model as a number": b'{"model":5}',
    "the model as an object": b'{"model":{}}',
    "a billion choices": b'{"model":"tiny","n":1000000000}',
    "binary": bytes(range(256)),
}

# JSON that is odd and right: it passes, and what the engine makes of it is the engine's answer.
ODD = {
    "a number beyond every float": b'{"model":"tiny","x":1e999}',
    "a number of 5,000 digits": b'{"model":"tiny","x":' + b"9" * 5000 + b"}",
    "100 lists deep": b'{"model":"tiny","x":' + b"[" * 100 + b"]" * 100 + b"}",
    "a field twice": b'{"model":"tiny","x":1,"x":2}',
    "an escaped NUL": b'{"model":"tiny","x":"\\u0000"}',
    "blanks around it": b" \r\n" + BODY + b"\r\n ",
    "no stream at all": b'{"model":"tiny","stream":null}',
    "10,000 fields": b'{"model":"tiny"' + b"".join(b',"f%d":0' % i for i in range(10_000)) + b"}",
    "an escaped name": b'{"mod\\u0065l":"tiny"}',
}

# Refused or passed: both are right, a server error is not.
EITHER = {
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "stream as a number": b'{"model":"tiny","stream":0}',
    "stream as one": b'{"model":"tiny","stream":1}',
    "stream as text": b'{"model":"tiny","stream":"true"}',
    "max_tokens as text": b'{"model":"tiny","max_tokens":"10"}',
    "max_tokens as a boolean": b'{"model":"tiny","max_tokens":true}',
    "choices as text": b'{"model":"tiny","n":"2"}',
    "a number in words": b'{"model":"tiny","max_tokens":"ten"}',
    "a number of 400 digits in words": b'{"model":"tiny","max_tokens":"' + b"9" * 400 + b'"}',
    "an infinite max_tokens": b'{"model":"tiny","max_tokens":1e999}',
    "max_tokens as deep lists": b'{"model":"tiny","max_tokens":' + b"[" * 90 + b"]" * 90 + b"}",
    "200,000 prompts": b'{"model":"tiny","prompt":[' + b'"a",' * 200_000 + b'"a"]}',
    "media that are none": (
        b'{"model":"tiny","messages":[{"content":[{"type":"image_url","image_url":{"url":"data:'
        + b"x" * 300
        + b'"}}]}]}'
    ),
    "blanks within media": (
        b'{"model":"tiny","x":{"source":{' + b" " * 30_000 + b'"type":"base64","data":"AA"}}}'
    ),
    "negative max_tokens": b'{"model":"tiny","max_tokens":-1}',
    "max_tokens beyond 64 bits": b'{"model":"tiny","max_tokens":' + b"9" * 30 + b"}",
    "max_tokens beyond every integer": b'{"model":"tiny","max_tokens":' + b"9" * 5000 + b"}",
    "no choices": b'{"model":"tiny","n":0}',
    "a lone surrogate, escaped": b'{"model":"tiny","x":"\\ud800"}',
    "stream twice": b'{"model":"tiny","stream":false,"stream":true}',
    "stream_options that are none": b'{"model":"tiny","stream":true,"stream_options":5}',
    "usage asked for oddly": (
        b'{"model":"tiny","stream":true,"stream_options":{"include_usage":"yes"}}'
    ),
    "a model with line breaks": b'{"model":"ti\\r\\nset-cookie: a=b"}',
    "a model with a NUL": b'{"model":"\\u0000"}',
    "a model of a megabyte": b'{"model":"' + b"m" * MiB + b'"}',
    "a model of nothing": b'{"model":""}',
}

TYPES = {
    "text": b"text/plain",
    "a form": b"application/x-www-form-urlencoded",
    "parts": b"multipart/form-data; boundary=x",
    "parts without a boundary": b"multipart/form-data",
    "another charset": b"application/json; charset=utf-16",
    "an unknown charset": b"application/json; charset=no-such",
    "nearly JSON": b"application/jsonx",
    "no type at all": b"",
    "nonsense": b"nonsense",
    "unreadable": b"\xff\xfe/\x80",
    "a long one": b"text/" + b"a" * 7000,
    "an unclosed quote": b'text/plain; charset="',
}

FORMS = {
    "JSON": (b"application/json", BODY),
    "no boundary": (b"multipart/form-data", b"--x--"),
    "another boundary": (b"multipart/form-data; boundary=x", b"--y\r\n\r\n\r\n--y--\r\n"),
    "an unfinished part": (b"multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form"),
    "nothing": (b"multipart/form-data; boundary=x", b""),
    "binary": (b"multipart/form-data; boundary=x", bytes(range(256))),
    "a boundary of nothing": (b"multipart/form-data; boundary=", b"----\r\n"),
    "an unreadable boundary": (b'multipart/form-data; boundary="\xff\x80', b"--x--"),
}


def compressed(limit: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield a coding, what is wrong with the body, and the body."""
    bomb = b" " * limit
    for name, pack in (("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", _zstd)):
        yield name, "plain bytes", BODY
        yield name, "half a body", pack(BODY)[:-9]
        yield name, "two bodies", pack(BODY) * 2
        yield name, "more than it should hold", pack(bomb + BODY)
        yield name, "a bomb in a bomb", pack(pack(bomb))
        yield name, "no JSON", pack(b"[")


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def cases(limit: int) -> list[Case]:
    """`limit`: the gateway's own for a body, in bytes."""
    passing, large = any_of(200, 400, 404, 415, 422), b" " * (limit + 1)
    return [
        *(Case(f"a body of {n}", (post(b),)) for n, b in MALFORMED.items()),
        *(Case(f"a body with {n}", (post(b),), any_of(200), reaches=1) for n, b in ODD.items()),
        *(Case(f"a body with {n}", (post(b),), passing, reaches=1) for n, b in EITHER.items()),
        *(Case(f"typed as {n}", (post(BODY, _typed(t)),), any_of(415)) for n, t in TYPES.items()),
        *(
            Case(
                f"a form of {n}",
                (post(b, _typed(t), path="/v1/audio/transcriptions"),),
                passing,
                reaches=1,
            )
            for n, (t, b) in FORMS.items()
        ),
        *(
            Case(
                f"compressed as {n.decode()}", (post(BODY, b"Content-Encoding: " + n),), any_of(415)
            )
            for n in (b"br", b"gzip, identity", b"gzip, gzip", b"x")
        ),
        *(
            Case(f"{n} of {kind}", (post(b, b"Content-Encoding: " + n.encode()),), any_of(400, 413))
            for n, kind, b in compressed(limit)
        ),
        Case("a body over the limit", (post(large),), any_of(413), closes=True),
        Case("a body that says it is endless", (declared(10**15),), any_of(400, 413)),
        Case("chunks over the limit", (_chunks(large),), any_of(413), closes=True),
        Case("a body of the limit", (post(BODY.ljust(limit)),), any_of(200), reaches=1),
    ]


def _typed(kind: bytes) -> bytes:
    return b"Content-Type: " + kind


def declared(length: int) -> bytes:
    return post(b"", b"Content-Length: %d" % length, length=False, path=CHAT)


def _chunks(body: bytes) -> bytes:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    head = post(b"", b"Transfer-Encoding: chunked", length=False)
    return head + chunk * (len(body) // 65536 + 1) + b"0\r\n\r\n"
