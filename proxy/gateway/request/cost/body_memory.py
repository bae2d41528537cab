"""The bytes of request bodies that are in memory now, bounded in all and for each key.

A body counts from its head, by the length that the head announces, until its answer begins or the
request ends. Without an announced length it counts as it comes.
"""

from gateway.core.caller import OPEN, Caller
from gateway.core.errors import Overloaded, RateLimited
from gateway.settings.gateway_settings import Settings

RETRY_SECONDS = 2.0  # a body is soon sent on; when is not known
SMALL_BYTES = 256 * 1024
_SMALL_SHARE = 8  # small bodies may use 1/8 more: large ones must not shut them out


class BodyMemory:
    """`size`: bytes, of all requests."""

    __slots__ = ("_by_key", "size")

    def __init__(self) -> None:
        self.size = 0
        self._by_key: dict[str, int] = {}

    def take(self, caller: Caller, more: int, body: int, settings: Settings) -> None:
        """Count `more` bytes of a body that has `body` of them, or refuse them.

        Raises Overloaded (the total is reached), RateLimited (the key's share is).
        """
        most = settings.max_bodies
        room = most + most // _SMALL_SHARE if body <= SMALL_BYTES else most
        if self.size + more > room:
            raise Overloaded(
                f"The gateway holds {self.size} bytes of request bodies, and may hold {most}: send "
                f"this request again in {RETRY_SECONDS:g} s.",
                seconds=RETRY_SECONDS,
            )
        own = self._by_key.get(caller.id, 0) + more
        if own > settings.max_key_bodies and caller is not OPEN:
            raise RateLimited(
                f"This key's requests have {own - more} bytes of bodies under way, and may have "
                f"{settings.max_key_bodies}: send fewer large requests at once. Try again in "
                f"{RETRY_SECONDS:g} s.",
                seconds=RETRY_SECONDS,
                limits=[],
            )
        self.size += more
        self._by_key[caller.id] = own

    def give_back(self, caller: Caller, size: int) -> None:
        self.size -= size
        left = self._by_key[caller.id] - size
        if left:
            self._by_key[caller.id] = left
        else:
            del self._by_key[caller.id]
