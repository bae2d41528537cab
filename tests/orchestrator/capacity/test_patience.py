"""How long and how often pools are asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from orchestrator.capacity.patience import LONGEST, SHORTEST, clock_time, described, pause
from orchestrator.capacity.pools import Pool
from orchestrator.spec.publishing import schema

# Step Functions ends an execution at 25,000 events. A round in vain: a task and a choice (7), the
# wait (6); another task's failure (3) after each 25 seconds of asking, at 4 seconds a pool.
HISTORY = 25_000
ROUND, AGAIN, SECONDS, POOL_SECONDS = 13, 3, 25, 4


def rounds(limit, seed="demo"):
    """How often the pools are asked until the limit is over."""
    waited, found = timedelta(), 0
    while waited < limit:
        found += 1
        waited += timedelta(seconds=pause(waited, f"{seed}/{found}"))
    return found + 1


def test_a_pause_is_never_shorter_than_a_pool_rests_and_grows():
    minutes = [pause(timedelta(minutes=m), "demo") / 60 for m in (0, 30, 60, 120, 600, 4320)]

    assert min(minutes) * 60 >= SHORTEST
    assert max(minutes) * 60 <= LONGEST * 1.25
    assert minutes == sorted(minutes)


def test_deployments_do_not_ask_at_the_same_time():
    assert len({pause(timedelta(), f"deployment-{number}") for number in range(20)}) > 5


def test_the_longest_wait_fits_into_the_history_of_an_execution():
    keys = schema()["properties"]["instance"]["properties"]
    pools = keys["types"]["maxItems"] * keys["zones"]["maxItems"] * 2 + 1
    longest = timedelta(hours=keys["repair_wait_hours"]["maximum"])
    assert timedelta(minutes=keys["wait_minutes"]["maximum"]) <= longest

    most = max(rounds(longest, f"deployment-{number}") for number in range(20))
    events = most * (ROUND + AGAIN * (pools * POOL_SECONDS // SECONDS))

    assert events < HISTORY / 2


@pytest.mark.parametrize(
    ("pools", "text"),
    [
        ([Pool("g6.xlarge", "us-east-1a")], "g6.xlarge in us-east-1a"),
        (
            [Pool("g6.xlarge", "us-east-1a"), Pool("g6.xlarge", "us-east-1c")],
            "g6.xlarge in us-east-1a, c",
        ),
        (
            [Pool("g6.xlarge", "us-east-1a", "spot"), Pool("g5.xlarge", "us-east-1a")],
            "spot g6.xlarge in us-east-1a; g5.xlarge in us-east-1a",
        ),
        (
            [Pool("p5.48xlarge", "us-east-1a", "capacity-block", "cr-01234567")],
            "capacity-block p5.48xlarge of cr-01234567 in us-east-1a",
        ),
    ],
)
def test_pools_are_described_in_a_few_words(pools, text):
    assert described(pools) == text


def test_a_deadline_is_shown_in_utc():
    assert clock_time(datetime(2026, 11, 28, 12, 40, tzinfo=UTC)) == "Nov 28 12:40 UTC"
