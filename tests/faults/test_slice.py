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
    "replace": 101, "taken-back": 103, "sleep": 43, "own-name": 79, "wake": 109, "teardown": 61,
    "abandoned": 131,
}  # fmt: skip


def failures(scenario, step):
    outcomes = []
    children = Children(_AT_A_TIME, outcomes.append)
    faults = [name for name in FAULTS if name in SCENARIOS[scenario].faults]

    def wanted(point, _):
        turn, rest = divmod(point.number, step)
        return rest == 0 and faults[turn % len(faults)] == point.fault

    matrix.explore(scenario, children, wanted)
    assert outcomes
    return [f"{each.point} {each.what}\n{each.failure}" for each in outcomes if each.failure]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_goes_wrong_at_a_call_is_made_good(scenario):
    assert failures(scenario, _STEPS[scenario]) == []


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
        lambda point, call: call.operation == "CreateVpc" and FAULTS[point.fault][0] == "after",
    )

    assert {each.point.fault for each in outcomes if each.failure} == {
        "dies-after",
        "reply-lost",
        "aborted",
    }
