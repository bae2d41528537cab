"""A request's head as it came, and who may send it: everything that is decided before its body."""

import re
from random import getrandbits
from typing import TYPE_CHECKING

from gateway.access.keys import Caller
from gateway.core import endpoints
from gateway.core.endpoints import Endpoint
from gateway.request import decoding as bodies

if TYPE_CHECKING:
    from gateway.gateway import Gateway

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Arrival:
    """`headers` are the last of each name, in lower case."""

    __slots__ = (
        "client", "endpoint", "expects_continue", "headers", "keep_alive", "method", "path",
        "request_id", "version",
    )  # fmt: skip

    def __init__(
        self,
        endpoint: Endpoint,
        method: bytes,
        path: bytes,
        version: str,
        client: str,
        keep_alive: bool,  # noqa: FBT001 -- as the parser says it
        expects_continue: bool,  # noqa: FBT001
        headers: dict[bytes, bytes],
        request_id: bytes,
    ) -> None:
        self.endpoint = endpoint
        self.method = method
        self.path = path
        self.version = version
        self.client = client
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.headers = headers
        self.request_id = request_id


def request_id(given: bytes | None) -> bytes:
    """Return the client's own id if it is one a log can hold, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return b"%032x" % getrandbits(128)  # told apart, not kept secret


def accept(gateway: "Gateway", arrival: Arrival, now: float) -> Caller:
    """Return who asks, or raise what is wrong with the head. `now`: seconds since the epoch."""
    endpoint, headers = arrival.endpoint, arrival.headers
    endpoints.check_method(endpoint, arrival.method)
    gateway.filters.check(
        client=arrival.client,
        method=endpoint.method,
        path=arrival.path,
        headers=headers,
        size=int(headers.get(b"content-length", 0)),
    )
    caller = gateway.keys.identify(headers.get(b"authorization"), headers.get(b"x-api-key"), now)
    bodies.check_head(headers, endpoint.body, gateway.settings)
    return caller
