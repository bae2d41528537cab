"""An operator keeps Lamplighter's hands off a deployment, for a while or until further notice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.ledger.rows import DEPLOYMENT
from orchestrator.repair import diagnosis, pauses
from orchestrator.repair.triggers import RECONCILER, Trigger

BY_ITSELF, BY_HAND = Trigger("lost", source=RECONCILER), Trigger("manual")


@pytest.fixture
def ledger(complete):
    return complete.ledger


def why(ledger, trigger):
    return diagnosis.unwanted(ledger, ledger.deployment(), trigger) or ""


def test_nothing_but_an_operator_repairs_what_is_paused(ledger):
    assert pauses.pause(ledger, why="a new disk") == {"name": "demo", "paused_until": None}

    assert "lamplighter resume demo" in why(ledger, BY_ITSELF)
    assert "paused" not in why(ledger, BY_HAND)
    assert ledger.deployment().paused_why == "a new disk"

    pauses.resume(ledger)

    assert "paused" not in why(ledger, BY_ITSELF)
    assert ledger.deployment().paused_why is None


def test_a_pause_ends_by_itself(ledger, account):
    pauses.pause(ledger, (ledger.now() + timedelta(hours=1)).isoformat())
    assert "paused" in why(ledger, BY_ITSELF)

    account.clock.advance(3601)

    assert "paused" not in why(ledger, BY_ITSELF)


@pytest.mark.parametrize("until", ["tomorrow", "2027-01-01T00:00:00", 7, "2020-01-01T00:00:00Z"])
def test_a_time_that_is_none_or_has_passed_is_refused(ledger, until):
    with pytest.raises(InvalidRequest, match="until: "):
        pauses.pause(ledger, until)


def test_a_reason_that_is_no_text_is_refused(ledger):
    with pytest.raises(InvalidRequest, match="why: "):
        pauses.pause(ledger, why={"a": 1})


@pytest.mark.parametrize("act", [pauses.pause, pauses.resume])
def test_what_is_not_there_cannot_be_paused(ledger, act):
    ledger.erase(DEPLOYMENT)

    with pytest.raises(NotFound):
        act(ledger)
