"""An HTTP proxy that refuses, and remembers what a program wanted of other machines."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

_REFUSAL = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"
_LONGEST = 4096


class Elsewhere:
    """`environment` leads a program here, except to 127.0.0.1; `asked`: first lines of requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
        proxies = {spelt: url for name in names for spelt in (name, name.lower())}
        self.environment = proxies | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the server is closed
            while True:
                connection, _ = self._server.accept()
                with connection:
                    first = connection.recv(_LONGEST).partition(b"\r\n")[0]
                    self.asked.append(first.decode("latin-1"))
                    connection.sendall(_REFUSAL)
