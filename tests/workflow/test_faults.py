"""Faults of `lamplighter local break`, on real processes, under a client that never stops asking.

tests/chaos has all of them in virtual time.
"""

from __future__ import annotations

import json

import pytest
from patience import eventually
from twin import control as twins

from workflow.conftest import SPEC

pytestmark = pytest.mark.twin

SECONDS = 120.0


@pytest.fixture
def well(live):
    """The deployment anew: what was repaired before bounds nothing."""
    aws, _ = live
    aws.down("alpha")
    aws.up(**SPEC)
    return aws


@pytest.mark.parametrize("fault", ["gateway-kill", "engine-wedge"])
def test_what_the_host_repairs_itself_needs_no_workflow(live, asking, fault):
    aws, _ = live
    before, client = aws.repairs("alpha"), asking("alpha")
    eventually(client.answers, bool, SECONDS)

    twins.break_(aws.twin.state, fault, "alpha")

    eventually(lambda: not client.answers(), bool, SECONDS)
    eventually(client.answers, bool, SECONDS)
    assert aws.repairs("alpha") == before
    assert aws.instances("alpha") == [aws.newest_host("alpha")["instance_id"]]


@pytest.mark.parametrize(
    ("fault", "rungs"),
    [
        ("gpu-lost", ["rehost"]),
        ("status-check", ["rehost"]),
        ("network-cut", ["reconnect"]),
    ],
)
def test_the_smallest_rung_that_helps_is_the_only_one(well, asking, fault, rungs):
    aws, client = well, asking("alpha")
    eventually(client.answers, bool, SECONDS)

    if fault == "capacity-away":
        twins.break_(aws.twin.state, fault, "alpha", seconds=20)
    broken = twins.break_(
        aws.twin.state, "terminate" if fault == "capacity-away" else fault, "alpha"
    )
    [incident] = eventually(lambda: looked(aws), bool, SECONDS)

    eventually(client.answers, bool, SECONDS)
    assert [rung["rung"] for rung in incident["rungs"]] == rungs
    assert incident["outcome"] == "repaired"
    assert incident.get("replaced_by") is None
    assert aws.instances("alpha") == [broken]


def test_a_retirement_costs_no_request(well, asking):
    aws, client = well, asking("alpha")
    eventually(client.answers, bool, SECONDS)

    old = twins.break_(aws.twin.state, "retire", "alpha")
    [incident] = eventually(lambda: looked(aws), bool, SECONDS)

    assert set(client.stop()) == {200}
    assert (incident["source"], incident["outcome"]) == ("health", "repaired")
    assert old not in aws.instances("alpha")


def looked(aws):
    """Let the reconciler look, as the clock has it do every minute; return what has ended."""
    aws.invoke("Reconciler", {})
    aws.quiet()
    return [each | {"rungs": json.loads(each["rungs"])} for each in aws.repairs("alpha")]
