"""Whether a time budget of a request has ended.

All requests are checked every tenth of a second, which costs less than a timer for each: nearly all
timers would be cancelled. So a budget may be exceeded by that tenth.
"""

from gateway.backends.connection import Connection
from gateway.core.errors import BudgetEnded
from gateway.relay.timeouts import Budgets

CHECK_SECONDS = 0.1
CONNECTION = "the connection to the model server"
AFTER_LAST_EVENT_SECONDS = 1.0  # for the backend to close a stream after its last event


class Deadlines:
    """The clocks of one request. `last` is when the latest bytes came; their receiver sets it.

    `connection`, if set, knows of later ones.
    """

    __slots__ = ("_what", "budgets", "connection", "last", "seconds", "started")

    def __init__(self, budgets: Budgets, now: float) -> None:
        self.budgets = budgets
        self._what = ""
        self.seconds = budgets.total
        self.started = self.last = now
        self.connection: Connection | None = None

    def connecting(self, now: float) -> None:
        self._set(CONNECTION, self.budgets.connect, now)

    def awaiting_answer(self, now: float) -> None:
        self._set("the first byte of the answer", self.budgets.first_byte, now)

    def awaiting_rest(self, now: float) -> None:
        """A whole answer has begun; only its total counts from here on."""
        self._set("the whole answer", self.budgets.total, now)

    def flowing(self, now: float) -> None:
        self._set("the next byte of the stream", self.budgets.idle, now)

    def ending(self, now: float) -> None:
        self._set("the end of the stream", AFTER_LAST_EVENT_SECONDS, now)

    def ended(self, now: float) -> BudgetEnded | None:
        """Return the budget that has ended, if one has."""
        if now >= self.started + self.budgets.total:
            return BudgetEnded("the whole answer", self.budgets.total)
        if now >= self.latest() + self.seconds:
            return BudgetEnded(self._what, self.seconds)
        return None

    def latest(self) -> float:
        return self.last if self.connection is None else max(self.last, self.connection.last)

    def _set(self, what: str, seconds: float, now: float) -> None:
        self._what, self.seconds, self.last = what, seconds, now
