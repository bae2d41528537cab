"""What a client outside sees: names and addresses lead to the hosts that hold them now.

The seam is the socket, so that the code under test speaks HTTP and TLS with whatever it likes.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from awssim import Account

from simlab.hosts import Host
from simlab.paths import Paths

_ANSWER_SECONDS = 0.1


class Internet:
    """hosts: the live ones, by instance. is_lost: asked for each connection of the functions, whose
    time then runs out, as on a busy machine.
    """

    def __init__(self, account: Account, hosts: Mapping[str, Host]) -> None:
        self._account, self._hosts = account, hosts
        self.paths = Paths(account)
        self.is_lost: Callable[[], bool] = lambda: False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Every connection that this process opens goes to a simulated host."""
        with (
            mock.patch.object(socket, "create_connection", self._connect),
            mock.patch.object(ssl.SSLContext, "wrap_socket", _wrapped),
            mock.patch.object(ssl.SSLContext, "load_default_certs"),
        ):
            yield

    def _connect(
        self, address: tuple[str, int], timeout: float = 20.0, *_: Any, **__: Any
    ) -> _Connection:
        """Raise OSError as a name that leads nowhere, or a machine that is off, makes it."""
        host = self._hosts.get(self.instance_at(address[0]) or "")
        if host is None or self.is_lost():
            self._account.clock.advance(timeout)
            raise TimeoutError("timed out")
        self._account.clock.advance(_ANSWER_SECONDS)
        return _Connection(
            lambda method, path, key: host.answer(method, path, key, self._key(host))
        )

    def instance_at(self, name: str) -> str | None:
        """Return the instance that a public name or address leads to; OSError: no such name."""
        return self.paths.instance_at(name)

    def address_of(self, name: str) -> str:
        """Return the address that a resolver would find for the name now."""
        with self._account.uncounted():
            return self.paths.address_of(name)

    def _key(self, host: Host) -> str:
        with self._account.uncounted():
            found = self._account.client("ssm").get_parameter(
                Name=host.env["API_KEY_PARAMETER"], WithDecryption=True
            )
        return str(found["Parameter"]["Value"])


class _Connection:
    """A socket in memory: one request, one answer."""

    def __init__(self, answer: Callable[[str, str, str], tuple[int, Any]]) -> None:
        self._answer, self._sent = answer, b""

    def sendall(self, data: bytes) -> None:
        self._sent += bytes(data)

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        sent = io.BytesIO(self._sent)
        method, path = sent.readline().decode().split(" ")[:2]
        headers = http.client.parse_headers(sent)
        key = headers.get("Authorization", "").removeprefix("Bearer ")
        status, document = self._answer(method, path, key)
        body = json.dumps(document).encode()
        start = f"HTTP/1.1 {status} {http.client.responses[status]}\r\n"
        return io.BytesIO(f"{start}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def setsockopt(self, *_: Any) -> None:
        """No network, no options."""

    def settimeout(self, _: float | None) -> None:
        """Every answer is there at once."""

    def close(self) -> None:
        """Nothing is held."""


def _wrapped(_: ssl.SSLContext, connection: Any, *__: Any, **___: Any) -> Any:
    return connection
