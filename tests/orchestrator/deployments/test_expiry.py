"""When a deployment expires, and what is done about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from orchestrator.deployments import change, expiry, lifecycle
from orchestrator.errors import InvalidRequest
from orchestrator.ledger.rows import DeploymentRow
from orchestrator.repair import expiring
from orchestrator.spec.parsing import parse
from steps import SPEC

BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def row(lasting, began=BEGAN):
    spec = json.dumps({"expires_after": lasting})
    return DeploymentRow(spec=spec, began_at=began.isoformat() if began else None)


@pytest.mark.parametrize(
    ("lasting", "after"), [("14d", timedelta(days=14)), ("36h", timedelta(hours=36))]
)
def test_it_expires_so_long_after_its_first_up(lasting, after):
    assert expiry.moment(row(lasting)) == BEGAN + after


@pytest.mark.parametrize("lasting", [None, "", "soon", 14, "14", "d", ["14d"]])
def test_without_a_time_that_can_be_read_it_lives_on(lasting):
    assert expiry.moment(row(lasting)) is None
    assert expiry.moment(row("14d", began=None)) is None


def test_its_time_begins_with_the_first_up_and_anew_after_a_teardown(workflow):
    workflow.start()
    first = workflow.ledger.deployment().began_at
    workflow.account.clock.advance(3600)
    lifecycle.begin(workflow.deployment, workflow.ledger)
    again = workflow.ledger.deployment().began_at
    lifecycle.end_teardown(workflow.ledger)
    gone = workflow.ledger.deployment().began_at
    lifecycle.begin(workflow.deployment, workflow.ledger)

    assert (again, gone) == (first, None)
    assert workflow.ledger.deployment().began_at > first


def test_a_time_that_is_over_already_is_refused(workflow):
    workflow.start()
    workflow.account.clock.advance(2 * 3600)
    shorter = parse({**SPEC, "expires_after": "1h"})

    with pytest.raises(InvalidRequest, match=r"^expires_after: 1h after its first `up` was "):
        expiry.must_be_ahead(shorter, workflow.ledger)
    expiry.must_be_ahead(parse({**SPEC, "expires_after": "3h"}), workflow.ledger)


@pytest.fixture
def lasting(workflow):
    """A deployment that lasts two days, with the notices and the workflows that it leads to."""
    workflow.deployment = parse({**SPEC, "expires_after": "2d"})
    workflow.start()
    return workflow


def look(workflow, monkeypatch):
    """Return what was done, the notice and the workflow that was started."""
    said, begun = [], []
    monkeypatch.setattr(expiring, "send", lambda *given: said.append(given[-1]))
    monkeypatch.setattr(expiring.starting, "start", lambda *given: begun.append(given[2]) or "t")
    done = expiring.look(workflow.clients, workflow.ledger, workflow.ledger.deployment())
    return done, [notice.kind.value for notice in said], begun


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (23, (None, [], [])),
        (25, (None, ["expires"], [])),
        (49, ("started t: it has expired", ["expired"], ["teardown"])),
    ],
)
def test_it_is_announced_a_day_before_its_teardown(lasting, monkeypatch, hours, expected):
    lasting.account.clock.advance(hours * 3600)

    assert look(lasting, monkeypatch) == expected


def test_what_is_torn_down_already_is_left_alone(lasting, monkeypatch):
    lasting.account.clock.advance(49 * 3600)
    lifecycle.retire(lasting.ledger)

    assert look(lasting, monkeypatch) == (None, [], [])


def test_a_live_deployment_may_get_another_time(complete):
    complete.promote()
    lifecycle.record_serving(complete.ledger, "outside")
    changed = parse({**SPEC, "expires_after": "2d", "budget": {"at_limit": "stop"}})

    judged = change.judged(complete.ledger.deployment(), changed, rotate=False)

    assert judged is not None
    assert not judged.new_host
