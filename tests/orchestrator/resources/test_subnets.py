"""Where the subnets are: zones to spread over, a public one in each zone of a pool, none moves."""

from __future__ import annotations

import pytest
from orchestrator.resources import network
from orchestrator.resources.subnets import placed, ranges
from orchestrator.spec.parsing import parse
from steps import SPEC

A, B, C, D = "us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"


def wanting(workflow, **keys):
    workflow.deployment = parse({**SPEC, **keys})
    return workflow


def described(workflow):
    """Return role -> (zone, range) of the deployment's subnets."""
    with workflow.account.uncounted():
        found = workflow.clients.ec2.describe_subnets(
            Filters=[{"Name": "tag:lamplighter:deployment", "Values": [workflow.ledger.name]}]
        )["Subnets"]
    return {
        next(tag["Value"] for tag in each["Tags"] if tag["Key"] == "lamplighter:role"): (
            each["AvailabilityZone"],
            each["CidrBlock"],
        )
        for each in found
    }


def public_zones(workflow):
    return {zone for role, (zone, _) in described(workflow).items() if role.startswith("public")}


@pytest.mark.parametrize(
    ("there", "launching", "public", "private"),
    [
        ({}, [A, B], {0: A, 1: B}, {0: A, 1: B}),
        ({}, [C, A], {0: C, 1: A}, {0: C, 1: A}),
        ({}, [A, B, C], {0: A, 1: B, 2: C}, {0: A, 1: B}),
        ({}, [D], {0: D, 1: A}, {0: D, 1: A}),
        # a kept network: what is there stays, and what is missing of a pair goes to its zone
        ({"public": {0: B, 1: C}, "private": {0: B}}, [A, B], {0: B, 1: C, 2: A}, {0: B, 1: C}),
        ({"public": {1: B}, "private": {0: A, 1: B}}, [A, B], {0: A, 1: B}, {0: A, 1: B}),
        ({"public": {1: A}, "private": {1: A}}, [A, B], {0: B, 1: A}, {0: B, 1: A}),
        ({"public": {0: A, 2: C}, "private": {0: A}}, [A, C], {0: A, 1: B, 2: C}, {0: A, 1: B}),
        # an aborted teardown of an earlier version put both into one zone
        ({"public": {0: A, 1: A}, "private": {0: A, 1: A}}, [B], {0: A, 1: A, 2: B}, {0: A, 1: A}),
    ],
)  # fmt: skip
def test_subnets_stay_where_they_are_and_new_ones_go_where_none_is(
    there, launching, public, private
):
    used = dict.fromkeys(zone for some in there.values() for zone in some.values())
    spread = list(dict.fromkeys([*used, *launching, A, B, C, D]))

    assert placed(there, spread, launching, wanted=2) == {"public": public, "private": private}


def test_ranges_never_overlap():
    assert ranges("10.0.0.0/16", "public")[:3] == ["10.0.48.0/24", "10.0.49.0/24", "10.0.50.0/24"]
    assert ranges("10.0.0.0/16", "public")[-1] == "10.0.63.0/24"
    assert ranges("10.0.0.0/20", "public")[-1] == "10.0.3.240/28"


def test_every_zone_of_a_pool_has_a_public_subnet_that_leads_outside(workflow):
    wanting(workflow, instance={"zones": [C, A, B]}, network={"zones": 1})
    workflow.start()

    workflow.ensure(network)

    found = described(workflow)
    assert found == {
        "public-subnet-0": (C, "10.0.48.0/24"),
        "public-subnet-1": (A, "10.0.49.0/24"),
        "public-subnet-2": (B, "10.0.50.0/24"),
        "private-subnet-0": (C, "10.0.0.0/20"),
    }
    [table] = workflow.clients.ec2.describe_route_tables(
        Filters=[{"Name": "tag:lamplighter:role", "Values": ["public-routes"]}]
    )["RouteTables"]
    assert len([a for a in table["Associations"] if a.get("SubnetId")]) == 3


def test_a_pool_in_another_zone_adds_a_subnet_and_moves_none(workflow):
    wanting(workflow, instance={"zones": [A]}, network={"zones": 1})
    workflow.start()
    workflow.ensure(network)
    before = described(workflow)

    wanting(workflow, instance={"zones": [B, A]}, network={"zones": 1})
    workflow.ensure(network)

    assert described(workflow) == {**before, "public-subnet-1": (B, "10.0.49.0/24")}
    workflow.destroy(network)
    assert workflow.account.inventory() == {}


def test_after_an_aborted_teardown_the_subnets_are_in_as_many_zones_as_before(workflow):
    wanting(workflow, instance={"zones": [A, B]})
    workflow.start()
    workflow.ensure(network)
    before = described(workflow)
    for role in ("public-subnet-0", "private-subnet-0"):
        subnet = workflow.ledger.resource(role).id
        with workflow.account.uncounted():
            workflow.clients.ec2.delete_subnet(SubnetId=subnet)
        workflow.ledger.forget(role)

    workflow.ensure(network)

    assert described(workflow) == before


def test_the_zone_of_a_reservation_has_a_subnet(workflow):
    reserved = "cr-0123456789abcdef0"
    workflow.account.capacity.reserve(reserved, "p5.48xlarge", D, kind="capacity-block")
    block = {"types": ["p5.48xlarge"], "market": "capacity-block", "capacity_reservation": reserved}
    wanting(workflow, instance=block, network={"zones": 1})
    workflow.start()

    workflow.ensure(network)

    assert public_zones(workflow) == {D}
