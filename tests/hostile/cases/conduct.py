"""Methods, versions of HTTP and ways to come and go that are not those of a client."""

from __future__ import annotations

from hostile.cases.case import AUTH, BODY, CHAT, HOST, Case, any_of, get, message, post


def cases() -> list[Case]:
    return [*_methods(), *_versions(), *_offers(), *_conversations(), *_departures()]


def _methods() -> list[Case]:
    wrong = any_of(400, 405)
    listed = [HOST, AUTH]
    return [
        *(
            Case(f"{method} on a chat", (post().replace(b"POST", method.encode(), 1),), wrong)
            for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS")
        ),
        *(
            Case(
                f"{method} on the models",
                (message(method.encode() + b" /v1/models HTTP/1.1", listed),),
                wrong | {411},
            )
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE")
        ),
        Case("HEAD on the models", (message(b"HEAD /v1/models HTTP/1.1", listed),),
             any_of(200, 405), head=True, reaches=1),
        Case("HEAD on nothing", (message(b"HEAD /nothing HTTP/1.1", listed),),
             any_of(404), head=True),
        Case("OPTIONS on everything", (message(b"OPTIONS * HTTP/1.1", listed),),
             any_of(200, 204, 400, 404, 405)),
        Case("a CORS preflight", (message(
            f"OPTIONS {CHAT} HTTP/1.1".encode(),
            [HOST, b"Origin: https://evil.example", b"Access-Control-Request-Method: POST"],
        ),), any_of(400, 405)),
    ]  # fmt: skip


def _versions() -> list[Case]:
    old = message(b"GET /v1/models HTTP/1.0", [AUTH])
    stream = BODY[:-1] + b',"stream":true}'
    return [
        Case("HTTP/1.0 without a Host", (old,), any_of(200, 400), reaches=1, closes=True),
        Case("HTTP/1.0 that keeps alive",
             (message(b"GET /v1/models HTTP/1.0", [HOST, AUTH, b"Connection: keep-alive"]),),
             any_of(200), reaches=1),
        Case("HTTP/1.0 and a body", (_old(post()),), any_of(200), reaches=1),
        Case("HTTP/1.0 and a stream", (_old(post(stream)),), any_of(200), reaches=1),
        Case("HTTP/1.0 and chunks",
             (_old(post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", length=False)),),
             any_of(400), closes=True),
        Case("an upgrade to HTTP/2",
             (get(b"/v1/models", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
                  b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),),
             any_of(200, 400), reaches=1),
        Case("an upgrade to a web socket",
             (get(b"/v1/models", b"Connection: Upgrade", b"Upgrade: websocket",
                  b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),),
             any_of(200, 400), reaches=1),
    ]  # fmt: skip


def _offers() -> list[Case]:
    """Offers of another protocol are declined: the request they came with is answered as it is."""
    lines = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
    good, size = post(BODY, *lines), b"Content-Length: %d" % len(BODY)
    chunked = post(b"", b"Transfer-Encoding: chunked", *lines, length=False)
    conversations: dict[str, tuple[bytes | float, ...]] = {
        "with a body": (good,),
        "with a body that comes later": (post(b"", size, *lines, length=False), 0.2, BODY),
        "with a body in two parts": (good[:-20], 0.2, good[-20:]),
        "with chunks": (chunked + b"3C\r\n" + BODY + b"\r\n0\r\n\r\n",),
        "with chunks that come later": (chunked, 0.2, b"3C\r\n" + BODY + b"\r\n0\r\n\r\n"),
        "byte by byte": tuple(bytes([byte]) for byte in good),
    }
    whole = any_of(200)
    return [
        *(Case(f"an offer of h2c {n}", p, whole, reaches=1) for n, p in conversations.items()),
        Case("an offer of h2c before another request", (good + post(),), whole, answers=2,
             reaches=2),
        Case("an offer of h2c behind another request", (post() + good,), whole, answers=2,
             reaches=2),
        Case("an offer of h2c with half a body", (good[:-20],), any_of(400, 408), closes=True,
             half_close=True),
        Case("an offer of h2c with a hidden length",
             (post(BODY, *lines, b"Content-Length: 5", b"Transfer-Encoding: chunked"),),
             any_of(400), closes=True),
    ]  # fmt: skip


def _old(request: bytes) -> bytes:
    return request.replace(b"HTTP/1.1", b"HTTP/1.0", 1)


def _conversations() -> list[Case]:
    head = post(b"", b"Content-Length: %d" % len(BODY), b"Expect: 100-continue", length=False)
    odd = post(BODY, b"Expect: 200-maybe")
    good = post()
    return [
        Case("a body after 100 Continue", (head, 0.3, BODY), any_of(200), reaches=1),
        Case("a body that does not wait for 100 Continue", (head, BODY), any_of(200), reaches=1),
        Case("an expectation that nobody meets", (odd,), any_of(200, 400, 417), reaches=1),
        Case("a request byte by byte", tuple(bytes([byte]) for byte in good), any_of(200),
             reaches=1),
        Case("five requests at once", (good * 5,), any_of(200), answers=5, reaches=5),
        Case("a hundred requests at once", (get() * 100,), any_of(200), answers=100, reaches=100),
        Case("a refused request before a good one", (post(b"{") + good,), any_of(200, 400),
             answers=2, reaches=1),
        Case("a good request before one that is no HTTP", (good + b"\x00\x01\r\n\r\n",),
             any_of(200, 400), answers=2, reaches=1, closes=True),
    ]  # fmt: skip


def _departures() -> list[Case]:
    good, stream = post(), post(BODY[:-1] + b',"stream":true}')
    chunk = post(b"3C\r\n{", b"Transfer-Encoding: chunked", length=False)
    halves = {
        "half a request line": b"GET /v1/mod",
        "half the headers": good[:60],
        "half the body": good[:-10],
        "half a chunk": chunk,
        "nothing": b"",
    }
    # "left" hangs up; "half-closed" stops talking and listens, which says as much to most servers
    gone, whole = any_of(400, 408), any_of(200)
    return [
        *(Case(f"{n}, and left", (d, 0.05), gone, leave=True) for n, d in halves.items()),
        *(
            Case(f"{n}, and half-closed", (d,), gone, closes=True, half_close=True)
            for n, d in halves.items()
        ),
        Case("a whole request, and left", (good,), whole, leave=True, reaches=1),
        Case("a whole stream, and left", (stream,), whole, leave=True, reaches=1),
        Case("a request, half-closed", (good,), whole, closes=True, half_close=True, reaches=1),
        Case("a stream, half-closed", (stream,), whole, closes=True, half_close=True, reaches=1),
    ]
