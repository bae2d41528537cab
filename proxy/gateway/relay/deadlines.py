"""End a request when one of its budgets does.

One look at all requests every tenth of a second costs less than a timer for each of them, which
nearly always would be cancelled. So a budget may be overdrawn by that tenth.
"""

from gateway.backends.connection import Connection
from gateway.core.errors import BudgetEnded
from gateway.relay.timeouts import Budgets

LOOK_SECONDS = 0.1
CONNECTION = "the connection to the model server"
AFTER_LAST_EVENT_SECONDS = 1.0  # for the backend to end what it has said the last word of


class Deadlines:
    """The clocks of one request. `last` is when the latest bytes came; who gets them sets it.

    `heard` is a connection that knows of later ones.
    """

    __slots__ = ("_what", "budgets", "heard", "last", "seconds", "started")

    def __init__(self, budgets: Budgets, now: float) -> None:
        self.budgets = budgets
        self._what = ""
        self.seconds = budgets.total
        self.started = self.last = now
        self.heard: Connection | None = None

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
        return self.last if self.heard is None else max(self.last, self.heard.last)

    def _set(self, what: str, seconds: float, now: float) -> None:
        self._what, self.seconds, self.last = what, seconds, now
