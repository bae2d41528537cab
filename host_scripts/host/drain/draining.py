"""How far a host is that was ordered to drain.

draining  clients are led to new connections; from the order's refuse_from on, new requests are
          refused and running ones end
drained   new requests are refused, and nothing has run in two looks in a row
"""

from __future__ import annotations

from collections.abc import Callable

from host.drain.order import Drain

LOOKS = 2  # in a row: a request may have been on its way to the gateway


class Draining:
    """order: the one in force. is_idle: nothing runs, and no new request is taken; wall: seconds
    since the epoch.
    """

    def __init__(
        self,
        order: Callable[[], Drain | None],
        is_idle: Callable[[], bool],
        wall: Callable[[], float],
    ) -> None:
        self._order, self._is_idle, self._wall = order, is_idle, wall
        self._idle_looks = 0
        self.order: Drain | None = None

    def look(self) -> str | None:
        """Return draining or drained; None without an order."""
        self.order = self._order()
        if not self.refuses:
            self._idle_looks = 0
        elif self._idle_looks < LOOKS:
            self._idle_looks = self._idle_looks + 1 if self._is_idle() else 0
        if self.order is None:
            return None
        return "drained" if self._idle_looks >= LOOKS else "draining"

    @property
    def refuses(self) -> bool:
        """Whether new requests are refused, by the order of the last look."""
        return self.order is not None and self._wall() >= self.order.refuse_from
