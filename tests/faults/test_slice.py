"""A slice of the fault matrix; `make faults` runs all of it."""

from __future__ import annotations

import pytest
from orchestrator.creation import once
from orchestrator.resources import network

from faults import matrix
from faults.forks import FAULTS, Children
from faults.scenarios import SCENARIOS

_AT_A_TIME = 2
# Every so many calls one is tried, with each fault in turn.
_STEPS = {
    "provision": 97, "repair": 59, "forced-repair": 71, "change": 83, "stop": 37, "start": 89,
    "rollback": 127, "replace": 101, "taken-back": 103, "sleep": 43, "own-name": 79, "wake": 109,
    "teardown": 61, "abandoned": 131,
}  # fmt: skip


def failures(scenario, step):
    outcomes = []
    children = Children(_AT_A_TIME, outcomes.append)
    faults = [name for name in FAULTS if name in SCENARIOS[scenario].faults]

    def wanted(point, _call, _is_first):
        turn, rest = divmod(point.number, step)
        return rest == 0 and faults[turn % len(faults)] == point.fault

    matrix.explore(scenario, children, wanted)
    assert outcomes
    return [f"{each.point} {each.what}\n{each.failure}" for each in outcomes if each.failure]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_goes_wrong_at_a_call_is_made_good(scenario):
    assert failures(scenario, _STEPS[scenario]) == []


def test_a_crash_is_tried_once_in_each_state_that_it_can_leave():
    """Before the first call of a function, and after each one that wrote."""
    tried = []

    def wanted(point, call, is_first):
        if matrix.is_crash(point, call, is_first):
            tried.append((point.fault, call.operation))
        return False

    matrix.explore("stop", Children(1, print), wanted)

    assert {fault for fault, _ in tried} == {"dies-before", "dies-after"}
    written = {operation for fault, operation in tried if fault == "dies-after"}
    assert {"StopInstances", "TransactWriteItems"} <= written
    assert not [each for each in written if each.startswith(("Describe", "Query", "Get"))]


def test_schedules_end_with_one_host_or_none():
    outcomes = []

    matrix.play(range(4), Children(_AT_A_TIME, outcomes.append))

    assert len(outcomes) == 4
    assert [each.failure for each in outcomes if each.failure] == []


def test_a_naive_creation_is_caught_by_three_kinds_of_fault(monkeypatch):
    """One that believes the ledger and looks for nothing: a repetition makes a second VPC."""

    def naive(ledger, role, _find, create, _by_id, *, generation=0, prepare=dict, **_):
        row = ledger.resource(role)
        if row and row.state == "ready":
            return row.id
        created = create(once.intend(ledger, role, generation, **prepare()))
        ledger.ready(role, id=created)
        return created

    monkeypatch.setattr(network, "once", naive)
    outcomes = []

    matrix.explore(
        "provision",
        Children(_AT_A_TIME, outcomes.append),
        lambda point, call, _: call.operation == "CreateVpc" and FAULTS[point.fault][0] == "after",
    )

    assert {each.point.fault for each in outcomes if each.failure} == {
        "dies-after",
        "reply-lost",
        "aborted",
    }
