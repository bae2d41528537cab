"""Which pools are asked, and in which order."""

from __future__ import annotations

import pytest
from orchestrator.capacity.pools import Pool, ordered, pools
from orchestrator.capacity.quotas import family
from orchestrator.capacity.reservations import Reservation, reservation
from orchestrator.errors import InvalidRequest
from orchestrator.spec.parsing import parse

SMALL, LARGE = "g6.xlarge", "g5.xlarge"
BLOCK = "cr-0123456789abcdef0"
OFFERED = {SMALL: ["us-east-1a", "us-east-1b"], LARGE: ["us-east-1b", "us-east-1c"]}
PRICES = {(SMALL, "us-east-1a"): 0.4, (SMALL, "us-east-1b"): 0.3, (LARGE, "us-east-1c"): 0.2}


def instance(**keys):
    return parse({"name": "demo", "model": "m", "instance": keys}).instance


def order(reserved=None, **keys):
    return [str(pool) for pool in ordered(instance(**keys), OFFERED, PRICES, reserved)]


def test_zones_come_before_the_next_type():
    assert order(types=[SMALL, LARGE]) == [
        "on-demand g6.xlarge in us-east-1a",
        "on-demand g6.xlarge in us-east-1b",
        "on-demand g5.xlarge in us-east-1b",
        "on-demand g5.xlarge in us-east-1c",
    ]


def test_the_zones_are_the_operators_in_his_order():
    assert order(types=[LARGE, SMALL], zones=["us-east-1b", "us-east-1a"]) == [
        "on-demand g5.xlarge in us-east-1b",
        "on-demand g6.xlarge in us-east-1b",
        "on-demand g6.xlarge in us-east-1a",
    ]


def test_spot_pools_of_a_type_are_ordered_by_price_and_the_unknown_price_is_last():
    assert order(types=[SMALL, LARGE], market="spot") == [
        "spot g6.xlarge in us-east-1b",
        "spot g6.xlarge in us-east-1a",
        "spot g5.xlarge in us-east-1c",
        "spot g5.xlarge in us-east-1b",
    ]


def test_every_spot_pool_comes_before_on_demand():
    assert order(types=[SMALL, LARGE], market="spot-then-on-demand", zones=["us-east-1b"]) == [
        "spot g6.xlarge in us-east-1b",
        "spot g5.xlarge in us-east-1b",
        "on-demand g6.xlarge in us-east-1b",
        "on-demand g5.xlarge in us-east-1b",
    ]


def test_a_reservation_comes_first():
    reserved = Reservation(BLOCK, SMALL, "us-east-1b")

    assert order(reserved, type=SMALL, capacity_reservation=BLOCK) == [
        f"on-demand g6.xlarge in us-east-1b ({BLOCK})",
        "on-demand g6.xlarge in us-east-1a",
        "on-demand g6.xlarge in us-east-1b",
    ]


def test_a_capacity_block_is_the_only_pool():
    reserved = Reservation(BLOCK, SMALL, "us-east-1b")

    assert order(reserved, market="capacity-block", capacity_reservation=BLOCK) == [
        f"capacity-block g6.xlarge in us-east-1b ({BLOCK})"
    ]


def test_pools_of_one_place_differ_in_their_keys_and_a_price_is_none():
    there = [
        Pool(SMALL, "us-east-1a"),
        Pool(SMALL, "us-east-1a", "spot", price=0.3),
        Pool(SMALL, "us-east-1a", reservation=BLOCK),
        Pool(SMALL, "us-east-1b"),
        Pool(LARGE, "us-east-1a"),
    ]

    assert len({pool.key for pool in there}) == len(there)
    assert Pool(SMALL, "us-east-1a", "spot", price=0.5).key == there[1].key


def test_aws_says_what_is_offered_and_what_spot_costs(workflow):
    workflow.account.capacity.prices[SMALL, "us-east-1b"] = "0.100000"

    found = pools(workflow.clients, instance(market="spot"))

    assert (found[0].zone, found[0].price) == ("us-east-1b", 0.1)
    assert len({pool.zone for pool in found}) == len(found) > 1
    assert {pool.market for pool in found} == {"spot"}


@pytest.mark.parametrize(
    ("keys", "reserved", "sentence"),
    [
        ({}, None, f"there is no '{BLOCK}' in us-east-1"),
        (
            {},
            (LARGE, "us-east-1a"),
            "is for g5.xlarge, and the instance types wanted are g6.xlarge",
        ),
        ({"zones": ["us-east-1b"]}, (SMALL, "us-east-1a"), "is in us-east-1a, and instance.zones"),
        ({"market": "capacity-block"}, (SMALL, "us-east-1a"), "is no capacity block; choose"),
        ({}, (SMALL, "us-east-1a", "capacity-block"), "set instance.market to 'capacity-block'"),
        ({}, (SMALL, "us-east-1a", "default", "expired"), "is expired; name one that is active"),
    ],
)
def test_a_reservation_that_does_not_fit_is_refused(workflow, keys, reserved, sentence):
    if reserved:
        names = ("instance_type", "zone", "kind", "state")
        workflow.account.capacity.reserve(BLOCK, **dict(zip(names, reserved, strict=False)))

    with pytest.raises(InvalidRequest) as refusal:
        reservation(workflow.clients, instance(capacity_reservation=BLOCK, **keys))

    assert str(refusal.value).startswith("instance.capacity_reservation: ")
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("instance_type", "shared"),
    [
        ("g6.xlarge", "G and VT"),
        ("gr6.4xlarge", "G and VT"),
        ("vt1.3xlarge", "G and VT"),
        ("p5.48xlarge", "P"),
        ("inf2.xlarge", "Inf"),
        ("trn1.2xlarge", "Trn"),
        ("u-6tb1.metal", "High Memory"),
        ("x2idn.16xlarge", "X"),
        ("c7i.large", "Standard"),
        ("t3.large", "Standard"),
    ],
)
def test_a_type_counts_for_the_quota_of_its_family(instance_type, shared):
    assert family(instance_type) == shared
