"""Draining: the order to a predecessor, and the wait that its reports answer."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial

import pytest
from orchestrator.aws import naming
from orchestrator.hosts import draining, serving
from orchestrator.hosts.reports import Report
from orchestrator.ledger.rows import Role
from orchestrator.resources import instance

TTL = 60  # seconds, the specification's default


@pytest.fixture
def switched(pair):
    """Generation 2 serves, generation 1 is its predecessor and answers still."""
    pair.promote()
    return pair


def drain(workflow, *, first=False):
    drain = draining.drain_first if first else draining.drain_predecessors
    workflow.run(partial(drain, task_token="token"))


def order(workflow, generation=1):
    """The parameter of the order, None where there is none."""
    name = naming.order_parameter("demo", workflow.ledger.host(generation).instance_id)
    found = workflow.clients.ssm.get_parameters(Names=[name])["Parameters"]
    return found[0] if found else None


def report(workflow, phase, generation=1):
    said = Report("demo", workflow.ledger.host(generation).instance_id, phase, None, None)
    return serving.receive(workflow.clients, workflow.ledger, said)


def answers(workflow):
    return [call for call, said in workflow.clients.sfn.answers if said["taskToken"] == "token"]


@pytest.mark.parametrize(("first", "seconds"), [(True, 0), (False, 2 * TTL)])
def test_an_order_says_from_when_on_requests_are_refused(switched, first, seconds):
    drain(switched, first=first)

    parameter = order(switched)
    assert parameter["Type"] == "String"
    assert parameter["Name"].startswith("/lamplighter/demo/hosts/i-")
    document = json.loads(parameter["Value"])
    assert set(document) == {"drain"}
    assert set(document["drain"]) == {"refuse_from", "retry_after_seconds"}
    assert isinstance(document["drain"]["retry_after_seconds"], int)
    refuse_from = datetime.fromisoformat(document["drain"]["refuse_from"])
    late = switched.account.clock.now() + timedelta(seconds=seconds) - refuse_from
    assert refuse_from.utcoffset() == timedelta(0)
    assert timedelta(0) <= late < timedelta(seconds=TTL)


def test_an_order_is_given_once(switched):
    drain(switched)
    first = order(switched)
    switched.account.clock.advance(30)

    drain(switched)

    assert (order(switched)["Value"], order(switched)["Version"]) == (first["Value"], 1)


def test_only_a_predecessor_gets_an_order(switched):
    drain(switched)

    assert order(switched, 2) is None


def test_an_order_goes_with_its_host(switched):
    drain(switched)

    switched.clear(instance.destroy_predecessors)

    assert order(switched) is None
    assert [host.role for host in switched.ledger.hosts()] == [Role.RETIRED, Role.SERVING]


def test_the_wait_ends_when_the_predecessor_has_drained(switched):
    drain(switched)
    began = answers(switched)

    assert report(switched, "draining") == "waiting"
    assert report(switched, "drained") == "drained"

    assert began == ["send_task_heartbeat"]
    assert answers(switched)[1:] == ["send_task_heartbeat", "send_task_success"]


def test_the_wait_ends_when_the_predecessor_is_lost(switched):
    drain(switched)
    lost = switched.ledger.host(1).instance_id
    switched.clients.ec2.terminate_instances(InstanceIds=[lost])

    assert serving.lose(switched.clients, switched.ledger, lost, "terminated")

    assert answers(switched)[-1] == "send_task_success"


def test_the_last_of_several_predecessors_ends_the_wait(switched):
    switched.ledger.set_host(2, phase="serving")
    switched.run(partial(instance.replace, generation=2))
    switched.promote()
    drain(switched)
    assert {wait.generation for wait in switched.ledger.waits()} == {1, 2}

    assert report(switched, "drained") == "waiting"
    second = switched.ledger.host(2).instance_id
    switched.clients.ec2.terminate_instances(InstanceIds=[second])
    serving.lose(switched.clients, switched.ledger, second, "terminated")

    assert answers(switched).count("send_task_success") == 1
    assert answers(switched)[-1] == "send_task_success"


@pytest.mark.parametrize("phase", ["unhealthy", "drained", "loading"])
def test_where_no_predecessor_is_busy_nothing_is_waited_for(switched, phase):
    switched.ledger.set_host(1, phase=phase)

    drain(switched)

    assert answers(switched) == ["send_task_success"]
    assert order(switched) is None
    assert switched.ledger.waits() == []


def test_without_a_predecessor_nothing_is_waited_for(complete, step_functions):
    drain(complete)

    assert step_functions.answers == [("send_task_success", {"taskToken": "token", "output": "{}"})]
