"""Who stops and starts: the schedule, an operator, a budget, and each beside the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from orchestrator.deployments import lifecycle, stopping
from orchestrator.errors import Superseded
from orchestrator.hosts import halting
from orchestrator.ledger.rows import LOCK, SCHEDULE, AwaitRow, Desired, Status
from orchestrator.schedules import due

NOON, EVENING = "2026-01-07T12:00", "2026-01-07T19:30"  # a Wednesday, in UTC; Berlin is an hour on


@pytest.fixture
def live(complete):
    at(complete, NOON)
    complete.promote()
    lifecycle.record_serving(complete.ledger, "outside")
    due.keep_on(complete.ledger)
    return complete


def at(workflow, moment):
    """Let time pass until then."""
    clock = workflow.account.clock
    clock.advance(
        (datetime.fromisoformat(moment).replace(tzinfo=UTC) - clock.now()).total_seconds()
    )


def row(workflow):
    return workflow.ledger.deployment()


def stop(workflow, by=SCHEDULE):
    """As the workflow does; return what begin_stop said."""
    stopping.request_stop(workflow.ledger, by)
    begun = stopping.begin_stop(workflow.clients, workflow.deployment, workflow.ledger, by)
    if begun["todo"] == stopping.STOP:
        workflow.clear(halting.halt)
        stopping.record_stop(workflow.ledger)
    return begun["todo"]


def start(workflow, by=SCHEDULE):
    todo = stopping.begin_start(workflow.ledger, by)["todo"]
    if todo != stopping.NOTHING:
        lifecycle.record_serving(workflow.ledger, "outside")
    return todo


def test_the_schedule_stops_and_starts_again_in_its_window(live):
    assert stop(live) == stopping.NOTHING  # at noon it is to run
    at(live, EVENING)
    assert stop(live) == stopping.STOP
    assert (row(live).desired, row(live).stopped_by) == (Desired.STOPPED, SCHEDULE)
    assert start(live) == stopping.NOTHING  # in the evening it is to rest
    at(live, "2026-01-08T07:01")

    assert start(live) == stopping.START
    assert (row(live).desired, row(live).stopped_by) == (Desired.PRESENT, None)


def test_what_an_operator_stopped_the_schedule_does_not_start(live):
    stop(live, stopping.OPERATOR)
    at(live, EVENING)
    assert stop(live) == stopping.NOTHING
    at(live, "2026-01-08T07:01")

    assert start(live) == stopping.NOTHING
    assert due.overdue(live.ledger, row(live)) is None
    assert row(live).desired == Desired.STOPPED


def test_an_operators_stop_of_what_the_schedule_stopped_stays(live):
    at(live, EVENING)
    stop(live)

    stop(live, stopping.OPERATOR)
    at(live, "2026-01-08T07:30")

    assert start(live) == stopping.NOTHING
    assert due.overdue(live.ledger, row(live)) is None


def test_what_an_operator_starts_in_the_evening_runs_until_the_next_stop(live):
    at(live, EVENING)
    stop(live)
    at(live, "2026-01-07T21:00")
    assert start(live, stopping.OPERATOR) == stopping.START
    at(live, "2026-01-08T05:00")
    assert due.overdue(live.ledger, row(live)) is None
    at(live, "2026-01-08T19:00")

    assert stop(live) == stopping.STOP


def test_a_stop_by_the_schedule_waits_for_the_lock_and_writes_nothing_before(live):
    at(live, EVENING)
    live.ledger.keep_wait(AwaitRow(token="t", instance_id="i", generation=1))

    assert stopping.request_stop(live.ledger, SCHEDULE) == set()
    assert row(live).desired == Desired.PRESENT


def test_it_ends_a_start_that_waits_for_capacity(live):
    at(live, EVENING)
    stop(live)
    stopping.begin_start(live.ledger)
    assert row(live).status == Status.STARTING
    live.ledger.keep_wait(AwaitRow(token="t", instance_id="i", generation=1))
    live.ledger.put(LOCK, {"owner": "execution:lamplighter-start:one"})

    assert stopping.request_stop(live.ledger, SCHEDULE) == {"t"}
    assert (row(live).desired, row(live).stopped_by) == (Desired.STOPPED, SCHEDULE)


def test_an_operators_start_supersedes_an_operators_stop_that_has_not_begun(live):
    with pytest.raises(Superseded, match="to be provisioned again"):
        stopping.begin_stop(live.clients, live.deployment, live.ledger)


def test_a_teardown_is_not_undone(live):
    at(live, EVENING)
    stop(live)
    lifecycle.retire(live.ledger)
    at(live, "2026-01-08T07:30")

    assert start(live) == stopping.NOTHING
    assert stop(live) == stopping.NOTHING
    assert row(live).desired == Desired.ABSENT


@pytest.mark.parametrize(
    ("moment", "action"), [("2026-01-07T19:04", None), ("2026-01-07T19:06", "stop")]
)
def test_a_stop_that_did_not_come_is_overdue_after_five_minutes(live, moment, action):
    at(live, moment)

    found = due.overdue(live.ledger, row(live))

    assert (found.action if found else None) == action


def test_a_start_that_did_not_come_is_overdue_too(live):
    at(live, EVENING)
    stop(live)
    assert due.overdue(live.ledger, row(live)) is None
    at(live, "2026-01-08T07:06")

    found = due.overdue(live.ledger, row(live))

    assert (found.action, found.at) == ("start", datetime(2026, 1, 8, 7, tzinfo=UTC))


def test_edges_before_the_schedule_was_made_do_not_count(complete):
    """It is set up in the evening: it runs until tomorrow's stop."""
    at(complete, EVENING)
    complete.promote()
    lifecycle.record_serving(complete.ledger, "outside")
    due.keep_on(complete.ledger)
    complete.account.clock.advance(timedelta(hours=3).total_seconds())

    assert due.overdue(complete.ledger, row(complete)) is None
