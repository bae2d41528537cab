"""An order to a host means the same to agent, gateway and orchestrator."""

from __future__ import annotations

import json
from pathlib import Path

from contracts import gateway
from contracts.documents import document
from host.agent.phases import State
from host.agent.status import Status
from host.drain import order
from host.drain.draining import Draining
from orchestrator.hosts.reports import PHASES

GOLDEN = document("host_order")
TEXT = json.dumps(GOLDEN["drain"])
REFUSE_FROM = 1_795_817_720.25  # of the golden order, in seconds since the epoch


def test_the_agent_takes_the_golden_order() -> None:
    assert order.parse(TEXT) == order.Drain(REFUSE_FROM, 30)


def test_the_agent_asks_for_it_by_its_name() -> None:
    assert order.parameter("demo", "i-0123456789abcdef0") == GOLDEN["parameter"]
    assert document("parameter_paths")["order"] == GOLDEN["parameter"]


def test_the_phases_of_a_host_with_the_order_are_known_to_the_orchestrator() -> None:
    draining = Draining(lambda: order.parse(TEXT), lambda: True, lambda: REFUSE_FROM)

    phases = [draining.look() for _ in range(2)]

    assert phases == GOLDEN["phases"]
    assert set(GOLDEN["phases"]) <= set(PHASES)


def test_the_gateway_refuses_as_the_agent_passes_it_on(tmp_path: Path) -> None:
    status = tmp_path / "status"
    Status(status, lambda: 0.0).show(State("serving"), 0.0, order.parse(TEXT))

    before = gateway.refusal(status, REFUSE_FROM - 0.001)
    after = gateway.refusal(status, REFUSE_FROM)

    assert before is None
    assert after == GOLDEN["refused_with"]
