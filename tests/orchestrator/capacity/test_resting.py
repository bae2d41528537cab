"""What a refused launch says about the other pools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from awssim import error
from orchestrator.aws import error_codes
from orchestrator.capacity.pools import Pool
from orchestrator.capacity.resting import REST_SECONDS, Resting, rest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HERE = Pool("g6.xlarge", "us-east-1a", "spot")
OTHERS = {
    "zone": Pool("g6.xlarge", "us-east-1b", "spot"),
    "market": Pool("g6.xlarge", "us-east-1a"),
    "type": Pool("g5.xlarge", "us-east-1a", "spot"),
    "family": Pool("p3.2xlarge", "us-east-1a", "spot"),
    "reservation": Pool("g6.xlarge", "us-east-1a", "spot", "cr-0123456789abcdef0"),
    "zone and type": Pool("g5.xlarge", "us-east-1b", "spot"),
    "zone and market": Pool("g6.xlarge", "us-east-1b"),
}
# code -> which other pools rest, too
TOGETHER = {
    **{code: set() for code in error_codes._CAPACITY},
    "Unsupported": {"market", "reservation"},
    "InsufficientFreeAddressesInSubnet": {"market", "type", "family", "reservation"},
    "InsufficientVolumeCapacity": {"market", "type", "family", "reservation"},
    "VcpuLimitExceeded": {"zone", "reservation"},
    "MaxSpotInstanceCountExceeded": {"zone", "reservation"},
    "InstanceLimitExceeded": {"zone", "reservation"},
}


def refused(code, pool=HERE, now=NOW):
    return rest(error(code).of("RunInstances"), pool, now)


@pytest.mark.parametrize("code", sorted(TOGETHER))
def test_a_code_puts_to_rest_what_it_is_about_and_nothing_else(code):
    found = refused(code)

    assert found.covers(HERE)
    assert {name for name, pool in OTHERS.items() if found.covers(pool)} == TOGETHER[code]
    assert found.is_quota == ("Limit" in code or "SpotInstanceCount" in code)


@pytest.mark.parametrize(
    "code",
    [
        *(
            "RequestLimitExceeded",
            "Throttling",
            "InternalError",
            "Unavailable",
            "ServiceUnavailable",
        ),
        *("UnauthorizedOperation", "VolumeLimitExceeded", "InvalidParameterValue", "Blocked"),
    ],
)
def test_what_says_nothing_about_capacity_marks_no_pool(code):
    assert refused(code) is None


def test_a_quota_names_its_number_and_where_it_is_raised():
    why = refused("MaxSpotInstanceCountExceeded").why

    assert "L-3819A6DF" in why
    assert "Service Quotas" in why


def test_a_pool_rests_three_minutes():
    known = Resting((refused("InsufficientInstanceCapacity"),))
    there = [HERE, OTHERS["zone"]]

    def first(seconds):
        now = (NOW + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
        return known.at_start(there, now).next(there)

    assert first(REST_SECONDS - 1) == OTHERS["zone"]
    assert first(REST_SECONDS) == HERE


def test_a_round_asks_each_pool_once_however_long_it_takes():
    known = Resting((refused("InsufficientInstanceCapacity"),))
    there = [HERE, OTHERS["zone"]]

    late = NOW + timedelta(seconds=REST_SECONDS + 1)
    known = known.with_(refused("InsufficientInstanceCapacity", OTHERS["zone"], late))

    assert known.next(there) is None


def test_a_round_begins_although_every_pool_rests():
    known = Resting((refused("InsufficientInstanceCapacity"),))

    assert known.at_start([HERE], NOW.isoformat(timespec="microseconds")).next([HERE]) == HERE


def test_what_rests_is_read_as_it_was_written():
    known = Resting((refused("VcpuLimitExceeded"), refused("Unsupported")))

    assert Resting.of(known.text()) == known
