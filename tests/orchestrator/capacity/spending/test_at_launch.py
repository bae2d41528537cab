"""A host's row keeps its pool and its prices; what is not known stays unknown."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from orchestrator.capacity import prices
from orchestrator.capacity.pools import Pool
from orchestrator.capacity.spending import accrued, at_launch
from orchestrator.capacity.spending.forgetting import forget
from orchestrator.deployments import lifecycle
from orchestrator.ledger.rows import Role
from orchestrator.resources import instance
from orchestrator.spec.parsing import parse

SNAPSHOT = json.loads(Path(prices.__file__).with_name("prices.json").read_text())
TYPES = SNAPSHOT["instances"]["types"]


def test_a_launch_writes_pool_and_prices_into_the_hosts_row(provisioned_before):
    workflow = provisioned_before(instance)

    workflow.ensure(instance)

    [host] = workflow.ledger.hosts()
    assert (host.instance_type, host.zone, host.market) == ("g6.xlarge", "us-east-1a", "on-demand")
    assert host.price_usd_hour == TYPES["g6.xlarge"]["usd"]["us-east-1"]
    assert host.volume_usd_hour == pytest.approx(150 * 0.08 / 730, abs=1e-6)
    assert host.address_usd_hour == 0.005


def test_a_spot_host_has_the_price_by_which_its_pool_was_chosen(provisioned_before):
    workflow = provisioned_before(instance)
    workflow.deployment = parse({**workflow.spec, "instance": {"market": "spot"}})

    workflow.ensure(instance)

    [host] = workflow.ledger.hosts()
    intent = workflow.ledger.resource("instance-1")
    assert host.market == "spot"
    assert host.price_usd_hour == json.loads(intent.facts["pool"])["price"] > 0


@pytest.mark.parametrize(
    "pool",
    [
        Pool("zz9.huge", "us-east-1a"),
        Pool("g6.xlarge", "us-east-1a", "spot"),
        Pool("g6.xlarge", "us-east-1a", "capacity-block", "cr-1"),
    ],
    ids=str,
)
def test_a_price_that_is_not_known_is_none_and_never_0(pool):
    found = at_launch.facts(pool, "us-east-1", 150)

    assert found["price_usd_hour"] is None
    assert found["volume_usd_hour"] > 0


def test_an_hour_of_a_host_costs_what_its_row_says(complete):
    complete.account.clock.advance(3600)

    found = accrued.cost(
        complete.ledger.deployment(), complete.ledger.hosts(), complete.ledger.now()
    )

    [host] = complete.ledger.hosts()
    hourly = host.price_usd_hour + host.volume_usd_hour + host.address_usd_hour
    assert found.hour_usd == pytest.approx(hourly)
    assert found.total_usd > hourly


@pytest.mark.parametrize(
    ("end", "known", "hourly"),
    [("terminate_instances", "ended_at", 0.005), ("stop_instances", "stopped_at", 0.021438)],
)
def test_a_lost_host_costs_no_instance_while_capacity_is_waited_for(complete, end, known, hourly):
    [host] = complete.ledger.hosts()
    getattr(complete.clients.ec2, end)(InstanceIds=[host.instance_id])
    complete.account.capacity.short("InsufficientInstanceCapacity")

    complete.run(partial(instance.replace, generation=1, repairing=True))
    noted = getattr(complete.ledger.hosts()[0], known)
    complete.account.clock.advance(18_000)
    complete.run(partial(instance.replace, generation=1, repairing=True))

    assert getattr(complete.ledger.hosts()[0], known) == noted is not None
    row, hosts, now = complete.ledger.deployment(), complete.ledger.hosts(), complete.ledger.now()
    assert accrued.cost(row, hosts, now).hour_usd == pytest.approx(hourly)


def test_hosts_that_are_forgotten_stay_counted(complete):
    for generation in range(1, 13):
        complete.account.clock.advance(3600)
        complete.run(partial(instance.replace, generation=generation))
        complete.promote()
        complete.clear(instance.destroy_predecessors)
    row, hosts = complete.ledger.deployment(), complete.ledger.hosts()

    found = accrued.cost(row, hosts, complete.ledger.now())

    assert hosts[0].generation > 1
    assert found.parts[accrued.EARLIER] > 0
    assert found.total_usd == pytest.approx(12 * found.hour_usd, rel=0.1)


def test_a_name_keeps_its_cost_through_teardown_and_return(complete):
    complete.account.clock.advance(7200)
    row, hosts = complete.ledger.deployment(), complete.ledger.hosts()
    before = accrued.cost(row, hosts, complete.ledger.now()).total_usd

    lifecycle.end_teardown(complete.ledger)
    complete.account.clock.advance(7200)
    after = accrued.cost(complete.ledger.deployment(), [], complete.ledger.now())
    lifecycle.begin(complete.deployment, complete.ledger)

    assert after.total_usd == pytest.approx(before, rel=1e-4)
    assert after.hour_usd == 0
    assert complete.ledger.deployment().spent is not None


def test_more_hosts_than_a_transaction_takes_are_forgotten(complete):
    for generation in range(2, 120):
        complete.ledger.set_host(
            generation,
            role=Role.RETIRED,
            instance_id=f"i-{generation}",
            launched_at=complete.ledger.time(),
            ended_at=complete.ledger.time(),
        )

    forget(complete.ledger, *range(2, 120))

    assert [host.generation for host in complete.ledger.hosts()] == [1]
    spent = json.loads(complete.ledger.deployment().spent)
    assert spent["unpriced"] == 118
