"""Enforce the limits of each key: requests and tokens a minute, requests at once, tokens a day.

What a request will cost, its answer included, is reserved when it is admitted and corrected when it
has ended. Beside others at work, all of it must fit; alone, only its prompt: so a budget is
overrun by one request at most, if answers stay within what was reserved for them. Overuse
is paid back by later requests; a stream is never cut. A refused request costs nothing. All requests
of a key id share its limits, whichever of its keys they show.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from gateway.access.rate_bucket import MINUTE, REQUESTS, TOKENS, Bucket
from gateway.core.caller import NO_LIMITS, OPEN, Caller, Limits
from gateway.core.errors import Headers, InvalidRequest, QuotaExceeded, RateLimited
from gateway.core.log import logger
from gateway.telemetry.usage import DAY_SECONDS, Usage

Clock = Callable[[], float]

# How long the others take is not known; a place may be free at any moment.
BUSY_RETRY_SECONDS = 1.0
_FEWEST_BEFORE_SWEEP = 1024


class Cost(NamedTuple):
    """Estimated `tokens` of a prompt, `completion` tokens to reserve, prompts as `requests`."""

    tokens: int
    completion: int = 0
    requests: int = 1


FREE = Cost(0)


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
        self,
        usage: Usage,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
        default: Limits = NO_LIMITS,
    ) -> None:
        """`default`: of callers whose key has no limits."""
        self.adopt(default)
        self._usage = usage
        self._clock = clock
        self._wall_clock = wall_clock
        self._accounts: dict[str, _Account] = {}
        self._sweep_at = _FEWEST_BEFORE_SWEEP
        self._free = Lease(None, 0, None, clock, [])

    def adopt(self, default: Limits) -> None:
        """Hold callers without limits of their own to these from now on."""
        self._default = NO_LIMITS if default == NO_LIMITS else default

    def __len__(self) -> int:
        return len(self._accounts)

    def admit(self, caller: Caller, cost: Cost, now: float) -> Lease:
        """Take a place and so many tokens, or raise RateLimited or QuotaExceeded.

        Raises InvalidRequest if the request is larger than what its key may ever have at once.
        """
        limits = caller.limits
        if limits is NO_LIMITS:
            limits = self._default if caller is not OPEN else NO_LIMITS
            if limits is NO_LIMITS:
                return self._free
        account = self._accounts.get(caller.id) or self._open(caller.id, now)
        if limits.tokens_per_day is not None:
            self._check_budget(caller.id, limits, account, cost, now)
        requests, rate = limits.requests_per_minute, limits.tokens_per_minute
        per_request = min(cost.requests * MINUTE / requests, MINUTE) if requests else 0.0
        prompt = cost.tokens * MINUTE / rate if rate else 0.0
        whole = (cost.tokens + cost.completion) * MINUTE / rate if rate else 0.0
        if prompt > MINUTE:
            raise _too_large(cost.tokens, f"{rate} tokens per minute")
        needed = min(whole, MINUTE) if account.at_work else prompt
        wait = max(account.requests.wait(per_request, now), account.tokens.wait(needed, now))
        if wait:
            raise _limited(f"the rate limit of {_rates(limits)}", wait, account, limits, now)
        if limits.concurrency is not None and account.at_work >= limits.concurrency:
            what = f"the limit of {limits.concurrency} requests at once"
            raise _limited(what, BUSY_RETRY_SECONDS, account, limits, now)
        reserved = cost.tokens + cost.completion
        account.at_work += 1
        account.reserved += reserved
        account.requests.take(per_request, now)
        account.tokens.take(whole, now)
        return Lease(account, reserved, rate, self._clock, account.headers(limits, now))

    def _check_budget(
        self, key_id: str, limits: Limits, account: _Account, cost: Cost, now: float
    ) -> None:
        """Hold the day's tokens, those of requests at work included, within the budget."""
        budget = limits.tokens_per_day or 0
        if cost.tokens > budget:
            raise _too_large(cost.tokens, f"{budget} tokens per day")
        needed = cost.tokens or 1
        left = budget - self._usage.today(key_id)
        if needed > left:
            raise QuotaExceeded(
                f"{max(left, 0)} of this key's {budget} tokens for today are left, and the request "
                f"needs {needed} or more. The next day begins at midnight UTC.",
                seconds=DAY_SECONDS - self._wall_clock() % DAY_SECONDS,
                limits=account.headers(limits, now),
            )
        if account.at_work and needed + cost.completion > left - account.reserved:
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
