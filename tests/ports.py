"""Ports of this machine for servers that must be told one before they bind it.

They lie below the range that Linux itself hands out (32768 and above): between our look and the
server's start, no client and no server that asked for port 0 can get one. None is given twice,
also not by two workers of pytest-xdist: each has a tenth of the range.
"""

from __future__ import annotations

import os
import random
import socket

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
_RANGE = range(20_000 + _WORKER, 30_000, 10)
_untried = iter(random.sample(_RANGE, len(_RANGE)))


def free_port() -> int:
    return next(port for port in _untried if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
