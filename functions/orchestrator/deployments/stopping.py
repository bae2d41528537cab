"""A deployment that is stopped and kept, and started again: its row from one to the other."""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.errors import InvalidRequest, NotFound, Superseded
from orchestrator.hosts import draining
from orchestrator.ledger.rows import (
    DEPLOYMENT,
    SCHEDULE,
    STOP,
    DeploymentRow,
    Desired,
    HostRow,
    Status,
)
from orchestrator.ledger.store import Ledger
from orchestrator.schedules import due
from orchestrator.spec.deployment import Deployment

START, REPLACE, NOTHING = "start", "replace", "nothing"
OPERATOR = "operator"  # or a budget: what it stops only a command starts
_BETWEEN = {Status.STOPPING, Status.STARTING}
_SPOILT = ("HostSilent", "HostFailed")  # how the last start ended: its host will not serve


def request_stop(ledger: Ledger, by: str = OPERATOR) -> set[str]:
    """Write down that the deployment is to be stopped, lock or not.

    by: OPERATOR, or SCHEDULE, which waits for every other workflow than the start of what it
    stopped itself; nothing is written then.

    Return the task tokens of workflows that wait for a host: they hold the lock. None of a stop's:
    it does the same. NotFound: it is torn down. InvalidRequest: it has not served yet.
    """
    row = ledger.deployment()
    if by == SCHEDULE:
        if row.status != Status.STARTING or not _claimed(ledger, row):
            return set()
    else:
        _must_have_served(ledger, row, f"`lamplighter down {ledger.name}` ends it")
        # what an operator stops is not the schedule's any more
        wanted = {"desired": Desired.STOPPED, "stopped_by": None, "updated_at": ledger.time()}
        if not ledger.change(DEPLOYMENT, wanted, "#desired <> :absent", absent=Desired.ABSENT):
            raise _torn_down(ledger)
    if f":{ledger.installation}-{STOP}:" in (ledger.lock_owner() or ""):
        return set()
    return {wait.token for wait in ledger.waits()}


def begin_stop(
    _: Clients, deployment: Deployment, ledger: Ledger, by: str = OPERATOR
) -> dict[str, Any]:
    """Under the lock. Return {"todo", "name", "drain_seconds", "changed"}.

    todo: STOP, or NOTHING where the schedule wants it to run by now, or may not stop it.
    drain_seconds: the most that its running requests can take. Superseded: it is wanted again.
    """
    if by == SCHEDULE and not _claimed(ledger, ledger.deployment()):
        return {"todo": NOTHING, "name": ledger.name, "drain_seconds": 1, "changed": False}
    row = ledger.deployment()
    if row.desired != Desired.STOPPED:
        raise Superseded(f"{ledger.name!r} is {row.desired.now}; this workflow stops")
    if row.status != Status.STOPPED:
        # of a start that failed it stays
        served = {} if row.status in _BETWEEN else {"reason": None}
        ledger.record(status=Status.STOPPING, execution=ledger.owner, **served)
        ledger.note("stop", "the stop started" + (", by its schedule" if by == SCHEDULE else ""))
    seconds = draining.longest_request(deployment)
    return {"todo": STOP, "name": ledger.name, "drain_seconds": seconds, "changed": True}


def record_stop(ledger: Ledger) -> dict[str, Any]:
    """Write down that it is stopped; return what the operator wants to know.

    kept: the instance and its disk wait for a start; else a new one follows.
    """
    ledger.end_waits()
    row, host = ledger.deployment(), ledger.serving()
    changed = row.status != Status.STOPPED
    if changed:
        ledger.record(
            status=Status.STOPPED,
            stopped_at=ledger.time(),
            execution=ledger.owner,
            unanswered_at=None,
        )
        kept = f"{host.instance_id} and its disk are kept" if host else "no instance is kept"
        ledger.note("stop", f"stopped: {kept}", instance_id=host.instance_id if host else None)
    return {
        "name": ledger.name,
        "outcome": "stopped",
        "instance_id": host.instance_id if host else None,
        "kept": host is not None,
        "changed": changed,
    }


def begin_start(ledger: Ledger, by: str = OPERATOR) -> dict[str, Any]:
    """Under the lock: what was stopped is wanted again.

    by: OPERATOR, or SCHEDULE, which starts only what it has stopped, in its window.
    Return {"todo", "name", "endpoint", "instance_id", "generation", "changed"}; todo: `start` its
    host, `replace` it, or `nothing`. NotFound: it is torn down. InvalidRequest: it never served.
    """
    row, host = ledger.deployment(), ledger.serving()
    if by == SCHEDULE:
        todo = _todo(row, host) if due.is_start_due(ledger, row) else NOTHING
    else:
        _must_have_served(ledger, row, "`lamplighter up` with its specification continues it")
        todo = _todo(row, host)
        due.keep_on(ledger)
    if todo != NOTHING:
        wanted = {"desired": Desired.PRESENT, "updated_at": ledger.time()}
        if not ledger.change(DEPLOYMENT, wanted, "#desired <> :absent", absent=Desired.ABSENT):
            raise _torn_down(ledger)
        if row.status != Status.STARTING:
            ledger.record(status=Status.STARTING, execution=ledger.owner)
            ledger.note(
                "start", "the start began" + (", by its schedule" if by == SCHEDULE else "")
            )
    return {
        "todo": todo,
        "name": ledger.name,
        "endpoint": row.endpoint,
        "instance_id": host.instance_id if host else None,
        "generation": host.generation if host else row.generation,
        "changed": False,
    }


def abandon_start(ledger: Ledger) -> dict[str, bool]:
    """After a start that failed: what it did not get to serve is to be stopped.

    Return {"abandoned"}: not where it served all the time.
    """
    if ledger.deployment().status != Status.STARTING:
        return {"abandoned": False}
    wanted = {"desired": Desired.STOPPED, "updated_at": ledger.time()}
    return {
        "abandoned": ledger.change(DEPLOYMENT, wanted, "#desired <> :absent", absent=Desired.ABSENT)
    }


def status_after_failure(ledger: Ledger) -> Status:
    """Return the status of what is to be stopped after a workflow of it failed.

    STOPPING: something of it may still run; the next look at it starts the stop again.
    """
    host = ledger.serving()
    is_stopped = host is None or host.stopped_at is not None
    return Status.STOPPED if is_stopped else Status.STOPPING


def _claimed(ledger: Ledger, row: DeploymentRow) -> bool:
    """Write down that its schedule wants it stopped; return whether it may be."""
    if row.served_at is None or not due.is_stop_due(ledger, row):
        return False
    wanted = {"desired": Desired.STOPPED, "stopped_by": SCHEDULE, "updated_at": ledger.time()}
    unless = "(#desired = :present OR stopped_by = :schedule)"  # an operator stops it meanwhile
    present, schedule = Desired.PRESENT, SCHEDULE
    return ledger.change(DEPLOYMENT, wanted, unless, present=present, schedule=schedule)


def _todo(row: DeploymentRow, host: HostRow | None) -> str:
    if row.desired == Desired.PRESENT and row.status not in {Status.STOPPED, *_BETWEEN}:
        return NOTHING
    is_spoilt = (row.reason or "").startswith(_SPOILT)
    return START if host and host.phase != "failed" and not is_spoilt else REPLACE


def _must_have_served(ledger: Ledger, row: DeploymentRow, instead: str) -> None:
    if row.desired == Desired.ABSENT or row.status == Status.ABSENT:
        raise _torn_down(ledger)
    if row.served_at is None:
        raise InvalidRequest(f"{ledger.name!r} has not served yet: {instead}")


def _torn_down(ledger: Ledger) -> NotFound:
    return NotFound(
        f"{ledger.name!r} is torn down, or about to be: `lamplighter up` with its specification "
        "makes it again"
    )
