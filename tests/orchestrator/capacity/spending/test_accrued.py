"""What a deployment has cost does not change by what the ledger forgets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orchestrator.capacity.spending import accrued
from orchestrator.ledger.rows import DeploymentRow, HostRow, Role, Status

START = datetime(2026, 10, 20, tzinfo=UTC)
NOW = START + timedelta(days=60)
PRICES = {"price_usd_hour": 1.0, "volume_usd_hour": 0.02, "address_usd_hour": 0.005}


def at(hours):
    return (START + timedelta(hours=hours)).isoformat()


@st.composite
def lives(draw):
    """Ended hosts that overlap, follow each other, or leave gaps; how many are forgotten."""
    begin, found = 0, []
    for generation in range(1, draw(st.integers(1, 6)) + 1):
        begin += draw(st.integers(0, 400))
        price = draw(st.sampled_from([None, 0.5, 2.0]))
        found.append(
            HostRow(
                generation=generation,
                role=Role.RETIRED,
                instance_id=f"i-{generation}",
                launched_at=at(begin),
                ended_at=at(begin + draw(st.integers(0, 600))),
                **PRICES | {"price_usd_hour": price},
            )
        )
    return found, draw(st.integers(1, len(found)))


def figures(row, hosts, now):
    found = accrued.cost(row, hosts, now)
    return found.month_usd, found.total_usd, found.since


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(lives())
def test_what_is_forgotten_stays_counted(life):
    hosts, number = life
    row = DeploymentRow(status=Status.SERVING)
    serving = HostRow(generation=9, role=Role.SERVING, instance_id="i", launched_at=at(1100))
    hosts = [*hosts, replace(serving, **PRICES)]

    spent = accrued.remembered(row, hosts, hosts[:number], NOW)

    before = figures(row, hosts, NOW)
    after = figures(replace(row, spent=spent), hosts[number:], NOW)
    assert after[:2] == pytest.approx(before[:2], abs=1e-4)
    assert after[2] == before[2]


def test_forgetting_one_after_the_other_is_forgetting_both():
    hosts = [
        HostRow(generation=n, role=Role.RETIRED, instance_id=f"i-{n}", **PRICES,
                launched_at=at(n * 300), ended_at=at(n * 300 + 200))
        for n in (1, 2, 3)
    ]  # fmt: skip
    row = DeploymentRow(status=Status.SERVING)

    one = replace(row, spent=accrued.remembered(row, hosts, hosts[:1], NOW))
    both = replace(row, spent=accrued.remembered(one, hosts[1:], hosts[1:2], NOW))
    at_once = replace(row, spent=accrued.remembered(row, hosts, hosts[:2], NOW))

    expected = figures(at_once, hosts[2:], NOW)
    assert figures(both, hosts[2:], NOW)[:2] == pytest.approx(expected[:2], abs=1e-4)


def test_a_forgotten_host_without_a_price_is_still_named():
    host = HostRow(generation=1, role=Role.RETIRED, instance_id="i-1", ended_at=at(1))
    row = DeploymentRow(spent=accrued.remembered(DeploymentRow(), [host], [host], NOW))

    found = accrued.cost(row, [], NOW)

    assert found.not_counted[0] == "earlier hosts, 1 of them, wholly or in part"


@pytest.mark.parametrize(
    "facts",
    [
        {"launched_at": "noon"},
        {"launched_at": "2026-10-20T00:00:00"},
        {"launched_at": at(0), "ended_at": {"hour": 1}, "role": Role.RETIRED},
        {"launched_at": at(0), "price_usd_hour": "much"},
    ],
)
def test_a_row_of_another_form_is_named_and_not_counted(facts):
    host = HostRow(generation=1, instance_id="i-1", **facts)

    found = accrued.cost(DeploymentRow(spent="[1]"), [host], NOW)

    assert found.total_usd == 0
    assert found.not_counted[0].startswith("host 1: ")
    assert accrued.of_host(host, NOW) is None


def test_the_cost_of_one_host_ends_with_it():
    host = HostRow(generation=1, role=Role.RETIRED, instance_id="i-1", launched_at=at(0),
                   ended_at=at(2), **PRICES)  # fmt: skip

    assert accrued.of_host(host, NOW) == pytest.approx(2.05)
    assert accrued.of_host(replace(host, price_usd_hour=None), NOW) is None


def test_a_repair_costs_the_hosts_that_it_launched():
    before = HostRow(generation=1, instance_id="i-1", launched_at=at(0), **PRICES)
    failed = HostRow(generation=2, role=Role.RETIRED, instance_id="i-2", launched_at=at(10),
                     ended_at=at(11), **PRICES)  # fmt: skip
    new = HostRow(generation=3, instance_id="i-3", launched_at=at(12), **PRICES)
    unpriced = replace(new, generation=4, price_usd_hour=None)
    end = START + timedelta(hours=14)

    assert accrued.of_hosts_since([before, failed, new], at(9), end) == pytest.approx(3 * 1.025)
    assert accrued.of_hosts_since([before], at(9), end) == 0
    assert accrued.of_hosts_since([before, unpriced], at(9), end) is None
