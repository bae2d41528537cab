"""Limits: what a key may use, and the word about when it may go on."""

import gc
import random
from dataclasses import dataclass, replace

import pytest
from gateway.access.limits import Cost, Lease, Limiter
from gateway.access.rate_bucket import duration
from gateway.core.caller import OPEN, Caller, Limits
from gateway.core.errors import InvalidRequest, QuotaExceeded, RateLimited
from gateway.telemetry.usage import Usage
from gatewaylab.records import record_of

MIDNIGHT = 86_400.0 * 20_000
STEP = 0.002  # twice the resolution in which waits are told


@dataclass
class Clock:
    """Both clocks: monotonic since boot, and of the wall."""

    now: float = 1_000_000.125
    began: float = MIDNIGHT + 50_000

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.began + self.now - 1_000_000.125


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def usage(clock: Clock) -> Usage:
    return Usage(None, clock.wall)


@pytest.fixture
def limiter(usage: Usage, clock: Clock) -> Limiter:
    return Limiter(usage, clock.monotonic, clock.wall)


def caller(key_id: str = "alice", **limits: int) -> Caller:
    return Caller(key_id, limits=Limits(**limits))


def admit(limiter: Limiter, clock: Clock, who: Caller, tokens: int = 0) -> Lease:
    return limiter.admit(who, Cost(tokens), clock.now)


def refusal(limiter: Limiter, clock: Clock, who: Caller, tokens: int = 0) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        admit(limiter, clock, who, tokens)
    return caught.value


def told(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    prefix = "x-ratelimit-"
    return {name.decode().removeprefix(prefix): value.decode() for name, value in pairs}


def test_a_caller_without_limits_is_never_refused(limiter: Limiter, clock: Clock) -> None:
    leases = [admit(limiter, clock, Caller("free"), 10**9) for _ in range(5000)]

    for lease in leases:
        lease.settle(1, 1)
        lease.settle(1, 1)
    assert leases[0].headers == []
    assert len(limiter) == 0


def test_a_burst_may_take_a_whole_minute_and_then_one_at_a_time(
    limiter: Limiter, clock: Clock
) -> None:
    who = caller(requests_per_minute=60)
    for _ in range(60):
        admit(limiter, clock, who).settle(0, 0)

    assert refusal(limiter, clock, who).seconds == pytest.approx(1.0)
    clock.now += 1.0
    admit(limiter, clock, who).settle(0, 0)
    refusal(limiter, clock, who)


@pytest.mark.parametrize("seed", range(20))
def test_after_exactly_the_time_told_the_same_request_passes_and_not_before(
    limiter: Limiter, clock: Clock, seed: int
) -> None:
    pick = random.Random(seed)  # noqa: S311 -- a repeatable history
    requests, tokens = pick.randint(1, 500), pick.randint(100, 100_000)
    who = caller(requests_per_minute=requests, tokens_per_minute=tokens)
    refused = 0
    while refused < 50:
        asked = pick.randint(0, tokens)
        try:
            admit(limiter, clock, who, asked).settle(asked, pick.randint(0, tokens // 10))
        except RateLimited as error:
            refused += 1
            clock.now += error.seconds - STEP
            if error.seconds > STEP:
                assert refusal(limiter, clock, who, asked).seconds == pytest.approx(STEP, abs=1e-6)
            clock.now += STEP
            admit(limiter, clock, who, asked).settle(asked, 0)
        clock.now += pick.random() * 2


@pytest.mark.parametrize("seed", range(5))
def test_no_key_gets_more_than_its_rate_and_one_minute_ahead(
    limiter: Limiter, clock: Clock, seed: int
) -> None:
    pick = random.Random(seed)  # noqa: S311 -- a repeatable history
    who = caller(tokens_per_minute=1000)
    began, used = clock.now, 0
    for _ in range(3000):
        estimate = pick.randint(1, 1000)
        try:
            lease = admit(limiter, clock, who, estimate)
        except RateLimited:
            pass
        else:
            really = pick.randint(0, estimate)
            used += really
            lease.settle(really, 0)
            assert used <= 1000 + (clock.now - began) * 1000 / 60 + 1
        clock.now += pick.random() * 10


def test_a_refused_request_costs_nothing(limiter: Limiter, clock: Clock) -> None:
    who = caller(requests_per_minute=10, tokens_per_minute=100)
    admit(limiter, clock, who, 60).settle(60, 0)

    for _ in range(100):
        refusal(limiter, clock, who, 60)

    assert told(admit(limiter, clock, who, 40).headers)["remaining-requests"] == "8"


def test_the_headers_are_spelt_as_openai_does(limiter: Limiter, clock: Clock) -> None:
    who = caller(requests_per_minute=60, tokens_per_minute=6000)

    lease = admit(limiter, clock, who, 1500)

    assert told(lease.headers) == {
        "limit-requests": "60",
        "remaining-requests": "59",
        "reset-requests": "1s",
        "limit-tokens": "6000",
        "remaining-tokens": "4500",
        "reset-tokens": "15s",
    }


def test_what_remains_is_counted_exactly(limiter: Limiter, clock: Clock) -> None:
    for rate in range(1, 200):
        who = caller(f"key-{rate}", requests_per_minute=rate)
        left = [told(admit(limiter, clock, who).headers)["remaining-requests"] for _ in range(rate)]
        assert left == [str(rate - taken) for taken in range(1, rate + 1)]


def test_the_longer_of_two_waits_is_told(limiter: Limiter, clock: Clock) -> None:
    who = caller(requests_per_minute=1, tokens_per_minute=60)
    admit(limiter, clock, who, 60).settle(60, 0)

    assert refusal(limiter, clock, who, 10).seconds == pytest.approx(60)
    assert refusal(limiter, clock, who, 60).seconds == pytest.approx(60)
    clock.now += 30
    assert refusal(limiter, clock, who, 50).seconds == pytest.approx(30)


def test_a_refusal_has_the_headers_too(limiter: Limiter, clock: Clock) -> None:
    who = caller(requests_per_minute=2)
    for _ in range(2):
        admit(limiter, clock, who).settle(0, 0)

    headers = dict(refusal(limiter, clock, who).headers())

    assert headers[b"x-ratelimit-remaining-requests"] == b"0"
    assert headers[b"x-ratelimit-reset-requests"] == b"1m0s"
    assert (headers[b"retry-after"], headers[b"retry-after-ms"]) == (b"30", b"30000")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, b"0s"),
        (0.0001, b"1ms"),
        (0.12, b"120ms"),
        (0.9999, b"1s"),
        (1, b"1s"),
        (8.64, b"8.64s"),
        (59.9996, b"1m0s"),
        (360, b"6m0s"),
        (432.5, b"7m12.5s"),
        (7200, b"120m0s"),
    ],
)
def test_a_duration_is_rounded_up_to_a_millisecond(seconds: float, text: bytes) -> None:
    assert duration(seconds) == text


def test_what_was_estimated_too_high_is_given_back(limiter: Limiter, clock: Clock) -> None:
    who = caller(tokens_per_minute=1000)
    lease = admit(limiter, clock, who, 1000)
    refusal(limiter, clock, who, 1)

    lease.settle(100, 50)

    assert told(admit(limiter, clock, who, 0).headers)["remaining-tokens"] == "850"


def test_what_was_estimated_too_low_is_paid_back_by_the_next(
    limiter: Limiter, clock: Clock
) -> None:
    who = caller(tokens_per_minute=1000)

    admit(limiter, clock, who, 100).settle(100, 1900)

    error = refusal(limiter, clock, who, 1)
    assert error.seconds == pytest.approx(60 + 60 / 1000)
    assert told(error.limits)["remaining-tokens"] == "0"
    assert told(error.limits)["reset-tokens"] == "2m0s"


def test_a_late_settlement_fills_no_bucket_beyond_its_rim(limiter: Limiter, clock: Clock) -> None:
    who = caller(tokens_per_minute=1000)
    first, second = (admit(limiter, clock, who, 500) for _ in range(2))
    clock.now += 600
    first.settle(0, 0)

    second.settle(0, 2000)

    assert refusal(limiter, clock, who, 0).seconds == pytest.approx(30)


def test_requests_at_once_are_counted_until_they_are_settled(
    limiter: Limiter, clock: Clock
) -> None:
    who = caller(concurrency=2)
    first, _second = admit(limiter, clock, who), admit(limiter, clock, who)

    error = refusal(limiter, clock, who)
    first.settle(0, 0)
    first.settle(0, 0)

    assert dict(error.headers())[b"retry-after"] == b"1"
    _third = admit(limiter, clock, who)
    refusal(limiter, clock, who)


def test_a_lease_that_is_lost_gives_its_place_back(
    limiter: Limiter, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    who = caller(concurrency=1, tokens_per_minute=100)
    lease = admit(limiter, clock, who, 40)

    del lease
    gc.collect()

    assert told(admit(limiter, clock, who, 0).headers)["remaining-tokens"] == "60"
    assert "without settling" in caplog.text


def test_all_keys_of_one_id_share_its_limits(limiter: Limiter, clock: Clock) -> None:
    old, new = caller(requests_per_minute=1), caller(requests_per_minute=1)
    admit(limiter, clock, old).settle(0, 0)

    refusal(limiter, clock, new)
    admit(limiter, clock, caller("bob", requests_per_minute=1)).settle(0, 0)


@pytest.mark.parametrize("limit", ["tokens_per_minute", "tokens_per_day"])
def test_a_request_larger_than_its_limit_is_told_that_it_can_never_pass(
    limiter: Limiter, clock: Clock, limit: str
) -> None:
    who = caller(**{limit: 1000})

    with pytest.raises(InvalidRequest, match=r"1001 tokens.* 1000 tokens per .*never pass"):
        admit(limiter, clock, who, 1001)
    admit(limiter, clock, who, 1000).settle(0, 0)


def test_a_used_up_budget_comes_back_at_midnight(
    limiter: Limiter, usage: Usage, clock: Clock
) -> None:
    who = caller(tokens_per_day=1000)
    usage.record(record_of(key_id="alice", prompt_tokens=900, completion_tokens=100))

    error = refusal(limiter, clock, who, 0)

    assert isinstance(error, QuotaExceeded)
    assert error.seconds == pytest.approx(36_400)
    assert (b"x-should-retry", b"false") in error.headers()
    clock.now += error.seconds - 0.01
    refusal(limiter, clock, who, 0)
    clock.now += 0.01
    admit(limiter, clock, who, 1000).settle(0, 0)


def test_a_request_that_does_not_fit_into_the_rest_of_the_budget_is_told_the_rest(
    limiter: Limiter, usage: Usage, clock: Clock
) -> None:
    who = caller(tokens_per_day=1000)
    usage.record(record_of(key_id="alice", prompt_tokens=900))

    error = refusal(limiter, clock, who, 101)

    assert str(error).startswith("100 of this key's 1000 tokens for today are left")
    admit(limiter, clock, who, 100).settle(100, 0)


def test_requests_at_work_hold_their_part_of_the_budget(
    limiter: Limiter, usage: Usage, clock: Clock
) -> None:
    who = caller(tokens_per_day=1000)
    lease = admit(limiter, clock, who, 800)

    error = refusal(limiter, clock, who, 300)
    lease.settle(100, 0)
    usage.record(record_of(key_id="alice", prompt_tokens=100))

    assert not isinstance(error, QuotaExceeded)
    assert error.seconds == 1.0
    admit(limiter, clock, who, 900).settle(0, 0)


def test_limits_that_change_keep_what_is_used_in_proportion(limiter: Limiter, clock: Clock) -> None:
    who = caller(requests_per_minute=10)
    for _ in range(5):
        admit(limiter, clock, who).settle(0, 0)

    raised = replace(who, limits=Limits(requests_per_minute=100))
    lowered = replace(who, limits=Limits(requests_per_minute=4))

    assert told(admit(limiter, clock, raised).headers)["remaining-requests"] == "49"
    assert told(admit(limiter, clock, lowered).headers)["remaining-requests"] == "0"
    refusal(limiter, clock, lowered)


def test_a_limit_that_is_new_counts_the_requests_at_work(limiter: Limiter, clock: Clock) -> None:
    lease = admit(limiter, clock, caller(requests_per_minute=100))

    refusal(limiter, clock, caller(concurrency=1))
    lease.settle(0, 0)

    admit(limiter, clock, caller(concurrency=1)).settle(0, 0)


def test_idle_keys_are_forgotten_and_those_at_work_are_not(limiter: Limiter, clock: Clock) -> None:
    lease = admit(limiter, clock, caller("busy", concurrency=1))
    for number in range(20_000):
        admit(limiter, clock, caller(f"jwt:{number}", requests_per_minute=60)).settle(0, 0)
        clock.now += 0.1

    assert len(limiter) <= 2048
    refusal(limiter, clock, caller("busy", concurrency=1))
    lease.settle(0, 0)


def test_parallel_requests_overrun_a_budget_by_one_at_most(
    limiter: Limiter, usage: Usage, clock: Clock
) -> None:
    who = caller(tokens_per_day=1000)
    running = []
    for _ in range(60):
        try:
            running.append(limiter.admit(who, Cost(20, completion=100), clock.now))
        except RateLimited:
            break

    for lease in running:
        lease.settle(20, 100)
        usage.record(record_of(key_id="alice", prompt_tokens=20, completion_tokens=100))

    assert usage.today("alice") <= 1000 + 120


def test_a_budget_is_for_a_request_that_may_take_more_than_is_left(
    limiter: Limiter, clock: Clock
) -> None:
    """Alone it passes: how long its answer will be is not known."""
    who = caller(tokens_per_day=1000, tokens_per_minute=1000)

    limiter.admit(who, Cost(20, completion=5000), clock.now)

    assert refusal(limiter, clock, who, 20).seconds > 0


def test_each_prompt_counts_as_a_request(limiter: Limiter, clock: Clock) -> None:
    who = caller(requests_per_minute=10)

    limiter.admit(who, Cost(1, requests=9), clock.now).settle(0, 0)
    limiter.admit(who, Cost(1), clock.now).settle(0, 0)

    refusal(limiter, clock, who)


def test_a_key_without_limits_has_the_default_ones(usage: Usage, clock: Clock) -> None:
    default = Limits(requests_per_minute=1)
    limiter = Limiter(usage, clock.monotonic, clock.wall, default)

    admit(limiter, clock, Caller("alice")).settle(0, 0)
    refusal(limiter, clock, Caller("alice"))
    admit(limiter, clock, caller("bob", concurrency=9)).settle(0, 0)
    for _ in range(3):
        admit(limiter, clock, OPEN).settle(0, 0)
