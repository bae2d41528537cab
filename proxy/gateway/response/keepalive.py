"""Keep-alive comments on idle streams, for clients that send `x-stream-keepalive: <seconds>`.

They begin with the first interval, in the queue as well as before the first token. Until then an
error still has its own status; after that it is an event of the stream.
"""

import asyncio
from collections.abc import Callable, Mapping

from gateway.core.errors import InvalidRequest

_SHORTEST_SECONDS = 0.1


class KeepAlive:
    """Calls `ping` every `seconds` until stopped."""

    __slots__ = ("_loop", "_ping", "_timer", "seconds")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, ping: Callable[[float], None]
    ) -> None:
        self._loop = loop
        self._ping = ping
        self.seconds = seconds
        self._timer = loop.call_later(seconds, self._fire)

    def stop(self) -> None:
        self._timer.cancel()

    def _fire(self) -> None:
        self._timer = self._loop.call_later(self.seconds, self._fire)
        self._ping(self.seconds)


def interval(headers: Mapping[bytes, bytes], default: float) -> float | None:
    """Return the seconds that a client asks for, `true` being the default. None: no header.

    Raises InvalidRequest.
    """
    value = headers.get(b"x-stream-keepalive")
    if value is None:
        return None
    if value.lower() == b"true":
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not _SHORTEST_SECONDS <= seconds <= default:
        raise InvalidRequest(
            "x-stream-keepalive takes `true` or a number of seconds from "
            f"{_SHORTEST_SECONDS:g} to {default:g}."
        )
    return seconds
