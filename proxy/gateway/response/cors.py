"""What lets pages of other origins use the gateway from a browser, if the operator lists them.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Collection, Mapping

from gateway.core.errors import Headers

ANY = "*"
_EXPOSED = (
    b"x-request-id, retry-after, retry-after-ms, x-should-retry, x-lamplighter-eta-seconds, "
    b"x-lamplighter-fallback, "
    b"x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    b"x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)
# SDKs send headers of their own (x-stainless-*): `*` covers all but the one that holds the key.
PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"*, authorization, content-type, x-api-key, api-key"),
    (b"access-control-max-age", b"7200"),
]


def headers(request: Mapping[bytes, bytes], origins: Collection[str]) -> Headers:
    """Return the headers for an answer to this request; none for another origin."""
    origin = request.get(b"origin")
    if origin is None:
        return []
    if ANY in origins:
        return [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-expose-headers", _EXPOSED),
        ]
    if origin.decode("latin-1") not in origins:
        return [(b"vary", b"origin")]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    ]


def is_preflight(method: bytes, request: Mapping[bytes, bytes], ours: Headers) -> bool:
    """Whether it is a browser's question that is to be answered yes. `ours`: see `headers`."""
    asks = method == b"OPTIONS" and b"access-control-request-method" in request
    return asks and any(name == b"access-control-allow-origin" for name, _ in ours)
