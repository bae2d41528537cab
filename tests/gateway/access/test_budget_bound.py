"""By how much a day's budget can be overrun, over random histories of requests side by side."""

import random

import pytest
from gateway.access.limits import Cost, Lease, Limiter
from gateway.core.caller import Caller, Limits
from gateway.core.errors import RateLimited
from gateway.telemetry.usage import Usage
from gatewaylab.records import record_of
from hypothesis import given, settings, strategies

BUDGET = 10_000
NOON = 86_400.0 * 20_000 + 43_200
SEEDS = strategies.integers(0, 2**32)


def used(seed: int, concurrency: int, excess: int) -> tuple[int, int]:
    """Play a day of one key; return the tokens that it used, and those of its largest request.

    Each answer is up to `excess` times as long as what was reserved for it.
    """
    pick = random.Random(seed)  # noqa: S311 -- a repeatable history
    usage = Usage(None, lambda: NOON)
    limiter = Limiter(usage, lambda: 0.0, lambda: NOON)
    who = Caller("alice", limits=Limits(tokens_per_day=BUDGET, concurrency=concurrency))
    running: list[tuple[Lease, int, int]] = []
    largest = 0

    def end() -> None:
        lease, prompt, completion = running.pop(pick.randrange(len(running)))
        usage.record(record_of(key_id="alice", prompt_tokens=prompt, completion_tokens=completion))
        lease.settle(prompt, completion)

    for _ in range(300):
        prompt, reserved = pick.randint(0, 800), pick.randint(1, 2000)
        try:
            lease = limiter.admit(who, Cost(prompt, reserved), 0.0)
        except RateLimited:
            if running:
                end()
            continue
        completion = pick.randint(0, reserved * excess)
        largest = max(largest, prompt + completion)
        running.append((lease, prompt, completion))
        if pick.random() < 0.3:
            end()
    while running:
        end()
    return usage.today("alice"), largest


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(SEEDS, strategies.integers(2, 20))
def test_answers_within_their_reservation_overrun_a_budget_by_one_request_at_most(
    seed: int, concurrency: int
) -> None:
    total, largest = used(seed, concurrency, excess=1)

    assert total <= BUDGET + largest


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(SEEDS, strategies.integers(1, 20))
def test_longer_answers_overrun_it_by_those_at_work_at_most(seed: int, concurrency: int) -> None:
    total, largest = used(seed, concurrency, excess=50)

    assert total <= BUDGET + concurrency * largest


@pytest.mark.parametrize("seed", range(5))
def test_a_key_that_asks_one_by_one_overruns_it_by_one_request(seed: int) -> None:
    total, largest = used(seed, 1, excess=50)

    assert BUDGET < total <= BUDGET + largest
