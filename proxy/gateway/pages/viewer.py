"""The viewer of a page: a stranger, a local user, or the holder of a key.

nginx stands on loopback in front of the sources, so the peer's address alone proves nothing: what
came through a proxy has an X-Forwarded-For, and is a stranger's until it shows a valid key.
A gateway without keys takes no key for valid: only this machine itself is no stranger to it.
"""

import time
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection

from gateway.access.client_address import is_direct
from gateway.access.keys import header_of_others
from gateway.core.caller import OPEN, Caller
from gateway.core.errors import InvalidKey
from gateway.pages.sources import Sources


@dataclass(frozen=True, slots=True)
class Viewer:
    """`caller`: whose key was sent, None without one. `is_direct`: local, and not proxied."""

    caller: Caller | None
    is_direct: bool

    @property
    def is_stranger(self) -> bool:
        return self.caller is None and not self.is_direct


def viewer_of(connection: ASGIConnection[Any, Any, Any, Any], sources: Sources) -> Viewer:
    """Raises InvalidKey for a key that is shown and not valid, BackendUnavailable as `Keys`."""
    fields = connection.scope["headers"]
    peer = connection.scope["client"]
    return Viewer(_caller(dict(fields), sources), is_direct(peer, fields))


def check_known(connection: ASGIConnection[Any, Any, Any, Any], sources: Sources) -> None:
    """Refuse strangers, where there are keys that they could show. Raises InvalidKey."""
    if viewer_of(connection, sources).is_stranger and not sources.keys.are_open:
        raise InvalidKey("This page is for this machine itself, and for holders of a key.")


def _caller(headers: dict[bytes, bytes], sources: Sources) -> Caller | None:
    authorization, key = headers.get(b"authorization"), header_of_others(headers)
    if authorization is None and key is None:
        return None
    caller = sources.keys.identify(authorization, key, time.time())
    return None if caller is OPEN else caller
