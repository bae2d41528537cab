"""A request's head, as it came."""

import re
from random import getrandbits

from gateway.core.endpoints import Endpoint

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class RequestHead:
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
    return b"%032x" % getrandbits(128)  # unique, not secret
