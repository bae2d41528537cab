"""How often a repair is started: once for a storm of events, and ever less often in vain."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest
from orchestrator.repair import triggers
from orchestrator.repair.triggers import Trigger

LOOK = Trigger("a look at what is there", "i-1", triggers.RECONCILER)


@pytest.fixture
def started(complete, monkeypatch):
    """The names of the executions that were started."""
    names = []
    monkeypatch.setitem(complete.clients.__dict__, "sfn", SimpleNamespace(
        start_execution=lambda **asked: names.append(asked["name"])
    ))  # fmt: skip
    return names


def minutes_of_starts(complete, account, hours, trigger=LOOK):
    """Ask for a repair once a minute; return in which minutes one was started."""
    found = []
    for minute in range(60 * hours):
        host = complete.ledger.serving()
        if triggers.start(complete.clients, complete.ledger, host, trigger, str(minute)):
            found.append(minute)
        account.clock.advance(60)
    return found


def test_what_is_started_in_vain_is_started_ever_less_often(complete, account, started):
    minutes = minutes_of_starts(complete, account, hours=24)

    assert minutes[:6] == [0, 1, 2, 3, 5, 9]
    assert {later - earlier for earlier, later in pairwise(minutes[9:])} == {60}
    assert len(started) == len(minutes) < 40


def test_another_fault_of_the_host_does_not_wait(complete, account, started):
    minutes_of_starts(complete, account, hours=3)
    lost = Trigger("terminated", "i-1", triggers.EC2, state="terminated")

    assert triggers.start(complete.clients, complete.ledger, complete.ledger.serving(), lost, "e")


def test_after_hours_without_a_fault_nothing_waits(complete, account, started):
    minutes_of_starts(complete, account, hours=3)
    account.clock.advance(3 * 3600)

    assert minutes_of_starts(complete, account, hours=1)[:4] == [0, 1, 2, 3]
