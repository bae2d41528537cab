"""Promotion: the one write by which a generation becomes the deployment's, and what follows."""

from __future__ import annotations

from functools import partial

import pytest
from orchestrator.errors import HostFailed, HostLost, Pending, Superseded
from orchestrator.hosts import traffic
from orchestrator.ledger.rows import LOCK, Role
from orchestrator.spec.parsing import parse

NAMELESS = {"name": "demo", "model": "m"}


def promote(workflow, generation=2):
    return workflow.run(partial(traffic.promote_host, generation=generation))


def roles(workflow):
    return [host.role for host in workflow.ledger.hosts()]


def way(answer):
    return {key: answer[key] for key in ("drain_first", "beside")}


def test_a_predecessor_that_serves_under_a_name_keeps_its_address(pair):
    assert way(promote(pair)) == {"drain_first": False, "beside": True}


def test_a_predecessor_that_serves_without_a_name_drains_first(pair):
    pair.deployment = parse(NAMELESS)

    assert way(promote(pair)) == {"drain_first": True, "beside": False}


@pytest.mark.parametrize("spec", [NAMELESS, {**NAMELESS, "dns": {"domain": "example.com"}}])
@pytest.mark.parametrize("end", ["terminate_instances", "stop_instances"])
def test_a_predecessor_that_is_lost_gives_its_address_away_at_once(pair, spec, end):
    pair.deployment = parse(spec)
    getattr(pair.clients.ec2, end)(InstanceIds=[pair.ledger.serving().instance_id])

    assert way(promote(pair)) == {"drain_first": False, "beside": False}


@pytest.mark.parametrize("phase", ["unhealthy", "failed", "loading", "drained"])
def test_a_predecessor_that_serves_nobody_gives_its_address_away_at_once(pair, phase):
    pair.ledger.set_host(1, phase=phase)

    assert way(promote(pair)) == {"drain_first": False, "beside": False}


def test_the_first_host_has_no_predecessor(complete):
    complete.ledger.set_host(1, role=Role.CANDIDATE)

    assert way(promote(complete, 1)) == {"drain_first": False, "beside": False}
    assert roles(complete) == [Role.SERVING]


def test_promoting_twice_is_once(pair):
    first, served_at = promote(pair), pair.ledger.serving().served_at
    pair.account.clock.advance(1)

    assert promote(pair) == first
    assert pair.ledger.serving().served_at == served_at
    notes = [row for row in pair.ledger.rows("event#") if row["what"] == "traffic"]
    assert [note["text"] for note in notes if note["text"].startswith("generation 2")] == [
        "generation 2 serves: traffic is led to it"
    ]


@pytest.mark.parametrize(("phase", "error"), [("failed", HostFailed), ("unhealthy", Pending)])
def test_a_host_that_is_worse_since_its_proof_gets_no_traffic(pair, phase, error):
    pair.ledger.set_host(2, phase=phase, cause="CUDA error")

    with pytest.raises(error, match="CUDA error"):
        traffic.promote_host(pair.clients, pair.deployment, pair.ledger, 2)

    assert roles(pair) == [Role.SERVING, Role.CANDIDATE]


def test_a_predecessors_own_limits_bound_its_drain(pair):
    limits = {"default_timeout_seconds": 30, "max_timeout_seconds": 60}
    pair.deployment = parse({**pair.spec, "gateway": limits, "dns": {"domain": "example.com"}})

    assert promote(pair)["drain_seconds"] == 2 * 60 + 600 + 120
    assert (pair.ledger.host(1).ttl_seconds, pair.ledger.host(1).timeout_seconds) == (60, 600)


def test_a_promotion_is_one_write(pair):
    before = len(pair.account.calls)

    promote(pair)

    written = [c for c in pair.account.calls[before:] if c.operation == "TransactWriteItems"]
    keys = [
        {
            action["Update"]["Key"]["sk"]["S"]
            for action in c.parameters["TransactItems"][1:]
            if "Update" in action
        }
        for c in written
    ]
    assert keys == [{"host#1", "host#2", "deployment"}]
    assert roles(pair) == [Role.DRAINING, Role.SERVING]
    assert pair.ledger.deployment().generation == 2


def test_a_promotion_without_the_lock_changes_nothing(pair):
    pair.ledger.put(LOCK, {"owner": "another"})

    with pytest.raises(Superseded):
        promote(pair)

    assert roles(pair) == [Role.SERVING, Role.CANDIDATE]
    assert pair.ledger.deployment().generation == 1


@pytest.mark.parametrize("role", [Role.RETIRED, Role.DRAINING])
def test_a_host_that_was_given_up_is_not_promoted(pair, role):
    pair.ledger.set_host(2, role=role)

    with pytest.raises(HostLost, match="generation 2 of 'demo'"):
        promote(pair)

    assert pair.ledger.serving().generation == 1


def test_a_host_that_never_was_is_not_promoted(pair):
    with pytest.raises(HostLost, match="generation 7 of 'demo'"):
        promote(pair, 7)
