"""Which edge of its schedule a deployment should have followed by now.

The schedule stops what runs, and starts what it has stopped itself and what sleeps: what an
operator or a budget stopped stays so. What is started between the windows runs until the next stop.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.ledger.rows import RESOURCES, SCHEDULE, DeploymentRow, Desired
from orchestrator.ledger.store import Ledger
from orchestrator.schedules import edges
from orchestrator.schedules.documents import RETRIED_SECONDS
from orchestrator.schedules.edges import Moment
from orchestrator.schedules.schedule import ROLE


def is_stop_due(ledger: Ledger, row: DeploymentRow) -> bool:
    """Return whether the schedule wants it stopped and no operator has stopped it before."""
    wants = _is_last(ledger, row, edges.STOP)
    return wants and (row.desired == Desired.PRESENT or is_stopped_by_it(row))


def is_start_due(ledger: Ledger, row: DeploymentRow) -> bool:
    """Return whether the schedule wants it started, and it was stopped by it, or sleeps, before."""
    schedule = edges.of(row.specification())
    latest = edges.last(schedule, ledger.now()) if schedule else None
    return latest is not None and latest.action == edges.START and _waits_for(row, latest)


def is_stopped_by_it(row: DeploymentRow) -> bool:
    return row.desired == Desired.STOPPED and row.stopped_by == SCHEDULE


def overdue(ledger: Ledger, row: DeploymentRow) -> Moment | None:
    """Return the edge that EventBridge Scheduler has not brought about in its time; None: none.

    It skips a time that the clock skips, and may be late; a workflow may have kept the lock.
    """
    schedule = edges.of(row.specification())
    if schedule is None or row.served_at is None:
        return None
    latest = edges.last(schedule, ledger.now())
    if latest.at > ledger.now() - timedelta(seconds=RETRIED_SECONDS):
        return None
    if latest.action == edges.START:
        return latest if _waits_for(row, latest) else None
    is_missed = datetime.fromisoformat(_runs_since(ledger, row)) < latest.at
    return latest if row.desired == Desired.PRESENT and is_missed else None


def keep_on(ledger: Ledger) -> None:
    """Write down that an operator wants it to run from now on, up to the schedule's next stop."""
    key = f"{RESOURCES}{ROLE}"
    ledger.change(key, {"since": ledger.time()}, "attribute_exists(pk)")


def _waits_for(row: DeploymentRow, start: Moment) -> bool:
    """Return whether this start is to end its rest: what fell asleep after it sleeps on."""
    slept = row.asleep_at if row.desired == Desired.ASLEEP else None
    return is_stopped_by_it(row) or bool(slept and datetime.fromisoformat(slept) < start.at)


def _is_last(ledger: Ledger, row: DeploymentRow, action: str) -> bool:
    schedule = edges.of(row.specification())
    return schedule is not None and edges.last(schedule, ledger.now()).action == action


def _runs_since(ledger: Ledger, row: DeploymentRow) -> str:
    """Return the moment from which on the schedule's stops count."""
    resource = ledger.resource(ROLE)
    since = resource.facts.get("since") if resource else None
    return str(since or row.served_at)
