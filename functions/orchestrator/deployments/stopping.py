"""A deployment that is stopped, or sleeps, and is started again: its row from one to the other."""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.errors import InvalidRequest, NotFound, Superseded
from orchestrator.hosts import draining, idleness
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
OPERATOR = "operator"  # or a budget, or the sleep: what it stops a schedule does not start
_LONGEST_NAME = 200  # of who asked for a sleep or a start
_BETWEEN = {Status.STOPPING, Status.STARTING}
_NOT_STARTED = {Status.STOPPED, Status.ASLEEP, *_BETWEEN}
_SPOILT = ("HostSilent", "HostFailed")  # how the last start ended: its host will not serve


def request_stop(
    ledger: Ledger,
    by: str = OPERATOR,
    *,
    sleep: bool = False,
    idle: bool = False,
    asked_by: str = "",
) -> set[str]:
    """Write down that the deployment is to be stopped, lock or not.

    by: OPERATOR, or SCHEDULE, which waits for every other workflow than the start of what it
    stopped itself; nothing is written then. sleep: a request may wake it. idle: only if it is idle
    still, and no workflow is at work on it; else Superseded. asked_by: who or what wants it to
    sleep.

    Return the task tokens of workflows that wait for a host: they hold the lock. None of a stop's:
    it does the same. NotFound: it is torn down. InvalidRequest: it has not served yet.
    """
    row = ledger.deployment()
    if by == SCHEDULE:
        if row.status != Status.STARTING or not _claimed(ledger, row):
            return set()
    else:
        _ask_for_stop(ledger, row, sleep=sleep, idle=idle, asked_by=asked_by)
    if f":{ledger.installation}-{STOP}:" in (ledger.lock_owner() or ""):
        return set()
    return {wait.token for wait in ledger.waits()}


def _ask_for_stop(
    ledger: Ledger, row: DeploymentRow, *, sleep: bool, idle: bool, asked_by: str
) -> None:
    """An operator's stop, or a sleep: it is not the schedule's any more."""
    _must_have_served(ledger, row, f"`lamplighter down {ledger.name}` ends it")
    if idle and row.desired != Desired.ASLEEP:  # else a second run of the same
        _must_be_idle(ledger, row)
    wanted = {
        "desired": Desired.ASLEEP if sleep else Desired.STOPPED,
        "asleep_by": _asked_by(ledger, asked_by) if sleep else None,
        "stopped_by": None,
        "updated_at": ledger.time(),
    }
    unchanged = {"before": row.desired} if idle else {"absent": Desired.ABSENT}
    condition = "#desired = :before" if idle else "#desired <> :absent"
    if not ledger.change(DEPLOYMENT, wanted, condition, **unchanged):
        raise _torn_down(ledger)


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
    if not row.desired.is_halted:
        raise Superseded(f"{ledger.name!r} is {row.desired.now}; this workflow stops")
    if row.status != _halted(row):
        served = {} if row.status in _BETWEEN else {"reason": None}  # of a failed start it stays
        ledger.record(status=Status.STOPPING, execution=ledger.owner, **served)
        sleeps = f"falls asleep, asked for by {row.asleep_by}"
        stops = "the stop started" + (", by its schedule" if by == SCHEDULE else "")
        ledger.note("stop", sleeps if row.desired == Desired.ASLEEP else stops)
    seconds = draining.longest_request(deployment)
    return {"todo": STOP, "name": ledger.name, "drain_seconds": seconds, "changed": True}


def record_stop(ledger: Ledger) -> dict[str, Any]:
    """Write down that it is stopped, or sleeps; return what the operator wants to know.

    kept: the instance and its disk wait for a start; else a new one follows.
    """
    ledger.end_waits()
    row, host = ledger.deployment(), ledger.serving()
    halted = _halted(row)
    changed, now = row.status != halted, ledger.time()
    if changed:
        slept = {"asleep_at": now, "sleeps": row.sleeps + 1}
        ledger.record(
            status=halted,
            execution=ledger.owner,
            unanswered_at=None,
            **(slept if halted == Status.ASLEEP else {"stopped_at": now, "asleep_at": None}),
        )
        kept = f"{host.instance_id} and its disk are kept" if host else "no instance is kept"
        ledger.note("stop", f"{halted}: {kept}", instance_id=host.instance_id if host else None)
    return {
        "name": ledger.name,
        "outcome": str(halted),
        "instance_id": host.instance_id if host else None,
        "kept": host is not None,
        "changed": changed,
    }


def begin_start(
    ledger: Ledger, by: str = OPERATOR, *, only_asleep: bool = False, asked_by: str = ""
) -> dict[str, Any]:
    """Under the lock: what was stopped, or sleeps, is wanted again.

    by: OPERATOR, or SCHEDULE, which starts what it has stopped, and what sleeps, in its window.
    only_asleep: a request may start what sleeps, never what is stopped.
    Return {"todo", "name", "endpoint", "instance_id", "generation", "changed"}; todo: `start` its
    host, `replace` it, or `nothing`. NotFound: it is torn down. InvalidRequest: it never served.
    """
    row, host = ledger.deployment(), ledger.serving()
    if by == SCHEDULE:
        todo = _todo(row, host) if due.is_start_due(ledger, row) else NOTHING
    else:
        _must_have_served(ledger, row, "`lamplighter up` with its specification continues it")
        is_wanted = not only_asleep or row.desired != Desired.STOPPED
        todo = _todo(row, host) if is_wanted else NOTHING
        if is_wanted:
            due.keep_on(ledger)
    if todo != NOTHING:
        wanted = {"desired": Desired.PRESENT, "updated_at": ledger.time()}
        if not ledger.change(DEPLOYMENT, wanted, "#desired <> :absent", absent=Desired.ABSENT):
            raise _torn_down(ledger)
        if row.status != Status.STARTING:
            ledger.record(status=Status.STARTING, execution=ledger.owner, starting_at=ledger.time())
            who = "its schedule" if by == SCHEDULE else _asked_by(ledger, asked_by)
            ledger.note("start", f"the start began, asked for by {who}")
    return {
        "todo": todo,
        "name": ledger.name,
        "endpoint": row.endpoint,
        "instance_id": host.instance_id if host else None,
        "generation": host.generation if host else row.generation,
        "changed": False,
    }


def abandon_start(ledger: Ledger) -> dict[str, bool]:
    """After a start that failed: what it did not get to serve is to be stopped, or sleeps again.

    Return {"abandoned"}: not where it served all the time.
    """
    row, now = ledger.deployment(), ledger.time()
    if row.status != Status.STARTING:
        return {"abandoned": False}
    wanted: dict[str, Any] = {"desired": Desired.STOPPED, "updated_at": now}
    if row.asleep_at is not None:  # the number lets a later request try again
        wanted |= {"desired": Desired.ASLEEP, "asleep_at": now, "sleeps": row.sleeps + 1}
    return {
        "abandoned": ledger.change(DEPLOYMENT, wanted, "#desired <> :absent", absent=Desired.ABSENT)
    }


def status_after_failure(ledger: Ledger) -> Status:
    """Return the status of what is to be stopped after a workflow of it failed.

    STOPPING: something of it may still run; the next look at it starts the stop again.
    """
    host = ledger.serving()
    is_stopped = host is None or host.stopped_at is not None
    return _halted(ledger.deployment()) if is_stopped else Status.STOPPING


def _halted(row: DeploymentRow) -> Status:
    """Return the status of what nothing runs of any more."""
    return Status.ASLEEP if row.desired == Desired.ASLEEP else Status.STOPPED


def _asked_by(ledger: Ledger, asked_by: str) -> str:
    """Return who or what asked for it; without a name the workflow's execution."""
    return asked_by[:_LONGEST_NAME] or ledger.owner.rpartition(":")[2]


def _must_be_idle(ledger: Ledger, row: DeploymentRow) -> None:
    """Raise Superseded where a request came, or a workflow began, since the look that found it."""
    owner = ledger.lock_owner()
    if owner not in {None, ledger.owner}:
        raise Superseded(f"{owner} is at work on {ledger.name!r}, which does not sleep now")
    if not idleness.is_idle(row, ledger.serving(), ledger.now()):
        raise Superseded(f"{ledger.name!r} is used again: it does not sleep now")


def _claimed(ledger: Ledger, row: DeploymentRow) -> bool:
    """Write down that its schedule wants it stopped; return whether it may be."""
    if row.served_at is None or not due.is_stop_due(ledger, row):
        return False
    wanted = {"desired": Desired.STOPPED, "stopped_by": SCHEDULE, "updated_at": ledger.time()}
    unless = "(#desired = :present OR stopped_by = :schedule)"  # an operator stops it meanwhile
    present, schedule = Desired.PRESENT, SCHEDULE
    return ledger.change(DEPLOYMENT, wanted, unless, present=present, schedule=schedule)


def _todo(row: DeploymentRow, host: HostRow | None) -> str:
    if row.desired == Desired.PRESENT and row.status not in _NOT_STARTED:
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
