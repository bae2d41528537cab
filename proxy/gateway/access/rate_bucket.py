"""A rate as a bucket that holds one minute's worth and refills all the time.

Its whole state is one moment: when it will be full again. What a request takes puts that moment off
by `amount * 60 / rate` seconds, and it may lie at most a minute ahead. So waiting times are exact,
a changed rate needs no conversion (what is used stays used in proportion), and an unused bucket
refills without a timer. It is the virtual scheduling form of the generic cell rate
algorithm (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
"""

import math

from gateway.core.errors import Headers

MINUTE = 60.0
# Waits are given in milliseconds, and the event loop's clock counts in them.
_RESOLUTION = 0.001


class Bucket:
    """Amounts are given in seconds of refilling, moments are those of a monotonic clock."""

    __slots__ = ("full_at",)

    def __init__(self) -> None:
        self.full_at = -math.inf

    def wait(self, seconds: float, now: float) -> float:
        """Return how long until so much can be taken, 0 for at once."""
        wait = self.missing(now) + seconds - MINUTE
        return wait if wait >= _RESOLUTION else 0.0

    def missing(self, now: float) -> float:
        """Return how long until it is full."""
        ahead = self.full_at - now
        return ahead if ahead > 0.0 else 0.0  # noqa: FURB136 -- max() takes twice as long

    def take(self, seconds: float, now: float) -> None:
        """Take it, even beyond what is there: then the next ones wait until it is paid back."""
        self.full_at = now + self.missing(now) + seconds


class RateHeaders:
    """The x-ratelimit headers of one bucket, named as OpenAI does; `what`: requests or tokens."""

    def __init__(self, what: bytes) -> None:
        self._limit = b"x-ratelimit-limit-" + what
        self._remaining = b"x-ratelimit-remaining-" + what
        self._reset = b"x-ratelimit-reset-" + what

    def headers(self, rate: int, bucket: Bucket, now: float) -> Headers:
        """Return the limit, what is left of it, and when it will be whole again."""
        missing = bucket.missing(now)
        left = int(rate * (1 - missing / MINUTE) + _RESOLUTION)
        return [
            (self._limit, b"%d" % rate),
            (self._remaining, b"%d" % (left if left > 0 else 0)),  # noqa: FURB136
            (self._reset, duration(missing)),
        ]


REQUESTS, TOKENS = RateHeaders(b"requests"), RateHeaders(b"tokens")


def duration(seconds: float) -> bytes:
    """Return `120ms`, `8.64s` or `6m0s`, rounded up to a millisecond."""
    thousandths = math.ceil(seconds * 1000 - _RESOLUTION)
    if thousandths < 1000:  # noqa: PLR2004 -- of a second
        return b"%dms" % thousandths if thousandths > 0 else b"0s"
    minutes, rest = divmod(thousandths, 60_000)
    if minutes == 0:
        return b"%gs" % (rest / 1000)
    return b"%dm%gs" % (minutes, rest / 1000)
