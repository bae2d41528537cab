"""How much of the waker strangers may use: bounds in the memory of one sandbox.

They need no call, so that a refusal costs nothing but itself. AWS's own bound is the number of
sandboxes: a function URL takes ten requests a second for each (WakerConcurrency in template.yaml).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.waking import refusals

_ALL_PER_MINUTE = 600.0
_WRONG_PER_MINUTE = 10.0  # of one address
_ADDRESSES = 1000


@dataclass(slots=True)
class Bucket:
    """Holds `most` at first, and again after a minute in which nothing was taken."""

    most: float
    left: float
    at: datetime

    def seconds_until(self, now: datetime, *, take: bool) -> float:
        """Return how long to wait for one, 0 where there is one; take: it is taken."""
        gained = max((now - self.at).total_seconds(), 0.0) * self.most / 60
        self.left, self.at = min(self.most, self.left + gained), now
        if self.left < 1:
            return (1 - self.left) * 60 / self.most
        self.left -= 1 if take else 0
        return 0.0


@dataclass(slots=True)
class Rates:
    everything: Bucket | None = None
    wrong: dict[str, Bucket] = field(default_factory=dict)

    def admit(self, source: str, now: datetime) -> None:
        """Raise Refusal where this sandbox, or an address with wrong keys, has had enough."""
        if self.everything is None:
            self.everything = Bucket(_ALL_PER_MINUTE, _ALL_PER_MINUTE, now)
        waits = self.everything.seconds_until(now, take=True)
        if source in self.wrong:
            waits = max(waits, self.wrong[source].seconds_until(now, take=False))
        if waits:
            raise refusals.too_many(waits)

    def count_wrong(self, source: str, now: datetime) -> None:
        """Remember that this address sent a key that is none."""
        if len(self.wrong) >= _ADDRESSES:
            self.wrong.clear()
        found = self.wrong.setdefault(source, Bucket(_WRONG_PER_MINUTE, _WRONG_PER_MINUTE, now))
        found.seconds_until(now, take=True)
