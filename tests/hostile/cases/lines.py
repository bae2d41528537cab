"""Request lines, paths and headers that are not those of a client."""

from __future__ import annotations

from hostile.cases.case import AUTH, BODY, HOST, JSON, Case, any_of, get, message, post

_ANY = any_of(200, 400, 404)

LINES = {
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0 in words": get(version=b"HTTP/2.0"),
    "HTTP/3.0 in words": get(version=b"HTTP/3.0"),
    "HTTP/9.9": get(version=b"HTTP/9.9"),
    "a version that is none": get(version=b"HTTP/x.y"),
    "another protocol": get(version=b"HTCPCP/1.0"),
    "a method in lower case": get().replace(b"GET", b"get", 1),
    "an unknown method": get().replace(b"GET", b"BREW", 1),
    "a method of symbols": get().replace(b"GET", b"G@T", 1),
    "no method": get().replace(b"GET ", b"", 1),
    "CONNECT to another machine": message(b"CONNECT 169.254.169.254:80 HTTP/1.1", [HOST, AUTH]),
    "a blank in the path": get(b"/v1/ models"),
    "a control character in the path": get(b"/v1/\x01models"),
    "no path": get(b""),
    "a path without its slash": get(b"v1/models"),
    "a bare CR in the path": get(b"/v1/models\rX: y"),
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
    "binary": bytes(range(256)) * 4,
    "a redis command": b"*1\r\n$4\r\nINFO\r\n",
    "only a colon": b":\r\n\r\n",
    "a header only": b"Host: gateway\r\n\r\n",
}

PATHS = {
    "two slashes": b"//v1/models",
    "a dot": b"/v1/./models",
    "two dots": b"/v1/../sleep",
    "encoded dots": b"/v1/%2e%2e/sleep",
    "an encoded letter": b"/v1/%6dodels",
    "an encoded slash": b"/v1%2fmodels",
    "an encoded NUL": b"/v1/models%00",
    "a bad encoding": b"/v1/%zzmodels",
    "half an encoding": b"/v1/models%2",
    "a semicolon": b"/v1/models;a=b",
    "a trailing slash": b"/v1/models/",
    "a backslash": b"/v1\\models",
    "upper case": b"/V1/MODELS",
    "an administrator's path": b"/sleep",
    "another administrator's path": b"/collective_rpc",
    "a path under an endpoint": b"/v1/chat/completions/x",
    "a long path": b"/" + b"a" * 6000,
}

MODELS = {
    "a bad encoding": b"/v1/models/%zz",
    "encoded bytes that are no UTF-8": b"/v1/models/%ff%fe",
    "an encoded NUL": b"/v1/models/%00",
    "encoded line breaks": b"/v1/models/x%0d%0aSet-Cookie:%20a=b",
    "two encoded dots": b"/v1/models/..%2f..%2fsleep",
    "a quote": b"/v1/models/%22%3e%3cscript%3e",
    "a long name": b"/v1/models/" + b"m" * 6000,
}

HEADERS = {
    "no Host": message(b"GET /v1/models HTTP/1.1", [AUTH]),
    "two Hosts": get(b"/v1/models", b"Host: other"),
    "a Host with a blank": message(b"GET /v1/models HTTP/1.1", [b"Host: a b", AUTH]),
    "a Host with a path": message(b"GET /v1/models HTTP/1.1", [b"Host: a/b", AUTH]),
    "a header without a colon": get(b"/v1/models", b"no colon here"),
    "a header without a name": get(b"/v1/models", b": value"),
    "a header name with a blank": get(b"/v1/models", b"Bad Name: value"),
    "a header name with a blank behind": get(b"/v1/models", b"X-Name : value"),
    "a NUL in a header": get(b"/v1/models", b"X-Name: a\x00b"),
    "a bare CR in a header": get(b"/v1/models", b"X-Name: a\rX-Other: b"),
    "a blank before the first header": b"GET /v1/models HTTP/1.1\r\n Host: gateway\r\n\r\n",
}

REQUEST_IDS = {
    "a bare quote": b'"',
    "JSON": b'{"a":1}',
    "blanks": b"a b",
    "other letters": b"\xc3\xa9\xff",
    "a long one": b"i" * 5000,
    "nothing": b"",
}

WAITS = (b"nan", b"-1", b"1e999", b"0", b"words", b"9" * 400, b"\xff", b"")
KEYS = (
    b"",
    b"Bearer",
    b"Bearer ",
    b"Basic YTpi",
    b"Bearer \xff\xfe",
    b"Bearer " + b"k" * 6000,
    b"\t",
)


def cases() -> list[Case]:
    return [*_lines(), *_paths(), *_headers()]


def _lines() -> list[Case]:
    refused = any_of(400, 404, 405)
    foreign = get(b"http://169.254.169.254/latest/meta-data/")
    known = get(b"http://169.254.169.254/v1/models")
    empty = b"\r\n\r\n" + get()
    return [
        *(Case(name, (data,), refused, closes=True) for name, data in LINES.items()),
        Case("HTTP/0.9", (b"GET /v1/models\r\n\r\n",), closes=True, bare=True),
        # nginx says it again in HTTP/1.1
        Case("HTTP/1.2", (get(version=b"HTTP/1.2"),), front=any_of(200, 400), front_reaches=1),
        Case("another machine's address as path", (foreign,), any_of(400, 404)),
        Case("an endpoint at another machine's address", (known,), any_of(200, 400), reaches=1),
        Case("empty lines before a request", (empty,), any_of(200, 400), reaches=1),
        Case("only empty lines", (b"\r\n\r\n\r\n", 0.2), statuses=any_of(400), leave=True),
        Case("a fragment in the path", (get(b"/v1/models#x"),), _ANY, reaches=1),
        Case("a query that nobody reads", (get(b"/v1/models?a=%zz&b"),), any_of(200), reaches=1),
    ]


def _paths() -> list[Case]:
    absent = any_of(400, 404)
    query, wide = b"/v1/models?" + b"q" * 100_000, b"/" + b"a" * 200_000
    too_long = any_of(400, 404, 414, 431)
    return [
        # nginx tidies some paths up; what it then asks for is an endpoint, and never another one
        *(
            Case(f"a path with {n}", (get(p),), absent, front=_ANY, front_reaches=1)
            for n, p in PATHS.items()
        ),
        *(Case(f"a model named with {n}", (get(p),), absent, reaches=1) for n, p in MODELS.items()),
        Case("a path of 200 KB", (get(wide),), too_long, closes=True),
        Case("a query of 100 KB", (get(query),), too_long | {200}, closes=True, reaches=1),
    ]


def _headers() -> list[Case]:
    many = tuple(b"X-%d: y" % i for i in range(10_000))
    huge = any_of(400, 431)
    ask = b"/v1/models"
    return [
        *(Case(name, (data,), closes=True) for name, data in HEADERS.items()),
        *(
            Case(f"a request id of {n}", (get(ask, b"X-Request-Id: " + v),), any_of(200), reaches=1)
            for n, v in REQUEST_IDS.items()
        ),
        *(
            Case(
                f"patience of {value[:10]!r}",
                (post(BODY, b"X-Stainless-Read-Timeout: " + value),),
                any_of(200, 400),
                reaches=1,
            )
            for value in WAITS
        ),
        *(
            Case(f"a key like {value[:10]!r}", (_keyed(value),), any_of(400, 401), closes=True)
            for value in KEYS
        ),
        # nginx drops it
        Case("a header name of other letters", (get(ask, "X-Größe: 1".encode()),), closes=True,
             front=any_of(200, 400), front_reaches=1),
        Case("two keys", (get(ask, b"Authorization: Bearer x"),), any_of(200, 400, 401), reaches=1),
        Case("two types", (post(BODY, JSON, b"Content-Type: text/plain"),), any_of(200, 400, 415),
             reaches=1),
        Case("two request ids", (get(ask, b"X-Request-Id: a", b"X-Request-Id: b"),), _ANY,
             reaches=1),
        Case("a traceparent of nonsense", (get(ask, b"traceparent: \xff;zz"),), _ANY, reaches=1),
        Case("hop-by-hop names that matter", (get(ask, b"Connection: authorization, host"),),
             any_of(200, 400, 401), reaches=1),
        Case("10,000 headers", (get(ask, *many),), huge, closes=True),
        Case("a header of a megabyte", (get(ask, b"X-Large: " + b"x" * 2**20),), huge, closes=True),
        Case("a header name of 100 KB", (get(ask, b"x" * 100_000 + b": 1"),), huge, closes=True),
    ]  # fmt: skip


def _keyed(value: bytes) -> bytes:
    return message(b"GET /v1/models HTTP/1.1", [HOST, b"Authorization: " + value])
