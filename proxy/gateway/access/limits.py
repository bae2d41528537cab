"""Enforce the limits of each key: requests and tokens a minute, requests at once, tokens a day.

What a request will cost is estimated when it is admitted and corrected when it has ended. Overuse
is paid back by later requests; a stream is never cut. A refused request costs nothing. All requests
of a key id share its limits, whichever of its keys they show.
"""

import time
from collections.abc import Callable

from gateway.access.rate_bucket import MINUTE, REQUESTS, TOKENS, Bucket
from gateway.core.caller import NO_LIMITS, Caller, Limits
from gateway.core.errors import Headers, InvalidRequest, QuotaExceeded, RateLimited
from gateway.core.log import logger
from gateway.telemetry.usage import DAY_SECONDS, Usage

Clock = Callable[[], float]

# How long the others take is not known; a place may be free at any moment.
BUSY_RETRY_SECONDS = 1.0
_FEWEST_BEFORE_SWEEP = 1024


class _Account:
    """What one key id uses now. `reserved`: the tokens estimated for its requests at work."""

    __slots__ = ("at_work", "requests", "reserved", "tokens")

    def __init__(self) -> None:
        self.at_work = 0
        self.reserved = 0
        self.requests = Bucket()
        self.tokens = Bucket()

    def is_idle(self, now: float) -> bool:
        return not self.at_work and max(self.requests.full_at, self.tokens.full_at) <= now

    def headers(self, limits: Limits, now: float) -> Headers:
        headers: Headers = []
        if limits.requests_per_minute is not None:
            headers += REQUESTS.headers(limits.requests_per_minute, self.requests, now)
        if limits.tokens_per_minute is not None:
            headers += TOKENS.headers(limits.tokens_per_minute, self.tokens, now)
        return headers


class Lease:
    """A request's place within its key's limits, to be settled when it has ended."""

    __slots__ = ("_account", "_clock", "_rate", "_reserved", "headers")

    def __init__(
        self,
        account: _Account | None,
        reserved: int,
        rate: int | None,
        clock: Clock,
        headers: Headers,
    ) -> None:
        self._account = account
        self._reserved = reserved
        self._rate = rate
        self._clock = clock
        self.headers = headers

    def settle(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Give back the place and correct the estimate. Only the first call counts."""
        account = self._account
        if account is None:
            return
        self._account = None
        account.at_work -= 1
        account.reserved -= self._reserved
        if self._rate is not None:
            more = prompt_tokens + completion_tokens - self._reserved
            account.tokens.take(more * MINUTE / self._rate, self._clock())

    def __del__(self) -> None:
        # A place that is not given back would lock its key out for good.
        if self._account is not None:
            logger.error("a request ended without settling its lease")
            self.settle(self._reserved, 0)


class Limiter:
    """The accounts of all key ids that were used of late; `clock` is what `now` is read from."""

    def __init__(
        self, usage: Usage, clock: Clock = time.monotonic, wall_clock: Clock = time.time
    ) -> None:
        self._usage = usage
        self._clock = clock
        self._wall_clock = wall_clock
        self._accounts: dict[str, _Account] = {}
        self._sweep_at = _FEWEST_BEFORE_SWEEP
        self._free = Lease(None, 0, None, clock, [])

    def __len__(self) -> int:
        return len(self._accounts)

    def admit(self, caller: Caller, tokens: int, now: float) -> Lease:
        """Take a place and so many tokens, or raise RateLimited or QuotaExceeded.

        Raises InvalidRequest if the request is larger than what its key may ever have at once.
        """
        limits = caller.limits
        if limits is NO_LIMITS:
            return self._free
        account = self._accounts.get(caller.id) or self._open(caller.id, now)
        if limits.tokens_per_day is not None:
            self._check_budget(caller.id, limits, account, tokens, now)
        requests, rate = limits.requests_per_minute, limits.tokens_per_minute
        per_request = MINUTE / requests if requests else 0.0
        needed = tokens * MINUTE / rate if rate else 0.0
        if needed > MINUTE:
            raise _too_large(tokens, f"{rate} tokens per minute")
        wait = max(account.requests.wait(per_request, now), account.tokens.wait(needed, now))
        if wait:
            raise _limited(f"the rate limit of {_rates(limits)}", wait, account, limits, now)
        if limits.concurrency is not None and account.at_work >= limits.concurrency:
            what = f"the limit of {limits.concurrency} requests at once"
            raise _limited(what, BUSY_RETRY_SECONDS, account, limits, now)
        account.at_work += 1
        account.reserved += tokens
        account.requests.take(per_request, now)
        account.tokens.take(needed, now)
        return Lease(account, tokens, rate, self._clock, account.headers(limits, now))

    def _check_budget(
        self, key_id: str, limits: Limits, account: _Account, tokens: int, now: float
    ) -> None:
        """Hold the day's tokens, those of requests at work included, within the budget."""
        budget = limits.tokens_per_day or 0
        if tokens > budget:
            raise _too_large(tokens, f"{budget} tokens per day")
        needed = tokens or 1
        left = budget - self._usage.today(key_id)
        if needed > left:
            raise QuotaExceeded(
                f"{max(left, 0)} of this key's {budget} tokens for today are left, and the request "
                f"needs {needed} or more. The next day begins at midnight UTC.",
                seconds=DAY_SECONDS - self._wall_clock() % DAY_SECONDS,
                limits=account.headers(limits, now),
            )
        if needed > left - account.reserved:
            what = f"the budget of {budget} tokens for today with its requests at work"
            raise _limited(what, BUSY_RETRY_SECONDS, account, limits, now)

    def _open(self, key_id: str, now: float) -> _Account:
        """Make an account; idle ones are dropped once there are many."""
        if len(self._accounts) >= self._sweep_at:
            kept = {name: one for name, one in self._accounts.items() if not one.is_idle(now)}
            self._accounts = kept
            self._sweep_at = max(_FEWEST_BEFORE_SWEEP, 2 * len(kept))
        account = self._accounts[key_id] = _Account()
        return account


def _limited(
    what: str, seconds: float, account: _Account, limits: Limits, now: float
) -> RateLimited:
    message = f"This key has reached {what}. Try again in {seconds:.3g} s."
    return RateLimited(message, seconds=seconds, limits=account.headers(limits, now))


def _too_large(tokens: int, limit: str) -> InvalidRequest:
    return InvalidRequest(
        f"The request has about {tokens} tokens, and this key is limited to {limit}: it can never "
        "pass. Send a shorter one."
    )


def _rates(limits: Limits) -> str:
    rates = {"requests": limits.requests_per_minute, "tokens": limits.tokens_per_minute}
    return " and ".join(f"{rate} {what} per minute" for what, rate in rates.items() if rate)
