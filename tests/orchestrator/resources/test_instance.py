"""The end of hosts that have not proved themselves."""

from __future__ import annotations

from functools import partial

import pytest
from awssim import Crash
from orchestrator.hosts import probe
from orchestrator.launch import instances
from orchestrator.ledger.rows import Role
from orchestrator.resources import instance
from orchestrator.spec.parsing import parse


@pytest.fixture
def three(complete, monkeypatch):
    """Generation 1 drains, generation 2 serves, generation 3 is a candidate."""
    complete.run(partial(instance.replace, generation=1))
    monkeypatch.setattr(probe, "ready", lambda *_: None)
    complete.promote()
    complete.run(partial(instance.replace, generation=2))
    return complete


def alive(workflow, ids):
    return [instances.state(workflow.clients, each) in instances.ALIVE for each in ids]


def test_a_first_provision_keeps_its_host(provisioned_before):
    workflow = provisioned_before(instance)
    launched = workflow.ensure(instance)["instance_id"]

    workflow.clear(instance.destroy_candidates)

    assert alive(workflow, [launched]) == [True]
    assert [host.role for host in workflow.ledger.hosts()] == [Role.CANDIDATE]


def test_a_launch_without_an_answer_ends_with_its_host(provisioned_before):
    """The next workflow wants another specification, and no host of the one before."""
    workflow = provisioned_before(instance)
    workflow.account.fault(operation="RunInstances", when="after", crash=True)
    with pytest.raises(Crash):
        workflow.ensure(instance)
    [unanswered] = workflow.account.inventory()["instances"]
    workflow.account.clock.advance(60)
    workflow.deployment = parse({**workflow.spec, "model": "another"})
    workflow.start()

    launched = workflow.ensure(instance)["instance_id"]

    assert alive(workflow, [unanswered, launched]) == [False, True]


def test_what_serves_and_what_drains_stays(three):
    instances = [host.instance_id for host in three.ledger.hosts()]

    for _ in range(2):
        three.clear(instance.destroy_candidates)

    assert alive(three, instances) == [True, True, False]
    roles = [host.role for host in three.ledger.hosts()]
    assert roles == [Role.DRAINING, Role.SERVING, Role.RETIRED]
    assert [row.kind for row in three.ledger.resources() if row.kind.startswith("instance")] == [
        "instance-1",
        "instance-2",
    ]


def test_a_candidate_that_only_its_tags_name_is_ended(three):
    instances = [host.instance_id for host in three.ledger.hosts()]
    three.ledger.erase("host#3")
    three.ledger.forget("instance-3")

    three.clear(instance.destroy_candidates)

    assert alive(three, instances) == [True, True, False]


def test_a_report_that_arrives_meanwhile_does_not_end_what_serves(three):
    [serving] = [host for host in three.ledger.hosts() if host.role == Role.SERVING]
    read = three.ledger.hosts

    class Reporting(type(three.ledger)):
        """Another report arrives at each look at the hosts."""

        def hosts(self):
            found = read()
            at = self.time()
            self.change(serving.key, {"reported_at": at, "phase_at": at}, "attribute_exists(pk)")
            three.account.clock.advance(1)
            return found

    three.ledger = Reporting(*(getattr(three.ledger, f) for f in three.ledger.__dataclass_fields__))
    three.clear(instance.destroy_predecessors)

    roles = [host.role for host in three.ledger.hosts()]
    assert roles == [Role.RETIRED, Role.SERVING, Role.RETIRED]


def test_the_deployment_of_a_neighbour_keeps_its_hosts(three, neighbour):
    theirs = [host.instance_id for host in neighbour.ledger.hosts()]

    three.clear(instance.destroy_candidates)

    assert alive(neighbour, theirs) == [True]
