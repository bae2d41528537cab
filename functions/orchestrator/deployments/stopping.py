"""A deployment that is stopped and kept, and started again: its row from one to the other."""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.hosts import draining
from orchestrator.ledger.rows import DEPLOYMENT, STOP, DeploymentRow, Desired, HostRow, Status
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

START, REPLACE, NOTHING = "start", "replace", "nothing"
_BETWEEN = {Status.STOPPING, Status.STARTING}
_SPOILT = ("HostSilent", "HostFailed")  # how the last start ended: its host will not serve


def request_stop(ledger: Ledger) -> set[str]:
    """Write down that the deployment is to be stopped, lock or not.

    Return the task tokens of workflows that wait for a host: they hold the lock. None of a stop's:
    it does the same. NotFound: it is torn down. InvalidRequest: it has not served yet.
    """
    row = ledger.deployment()
    _must_have_served(ledger, row, f"`lamplighter down {ledger.name}` ends it")
    wanted = {"desired": Desired.STOPPED, "updated_at": ledger.time()}
    if not ledger.change(DEPLOYMENT, wanted, "#desired <> :absent", absent=Desired.ABSENT):
        raise _torn_down(ledger)
    if f":{ledger.installation}-{STOP}:" in (ledger.lock_owner() or ""):
        return set()
    return {wait.token for wait in ledger.waits()}


def begin_stop(_: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, int]:
    """Under the lock. Return {"drain_seconds"}: the most that its running requests can take."""
    status = ledger.deployment().status
    if status != Status.STOPPED:
        served = {} if status in _BETWEEN else {"reason": None}  # of a start that failed it stays
        ledger.record(status=Status.STOPPING, execution=ledger.owner, **served)
        ledger.note("stop", "the stop started")
    return {"drain_seconds": draining.longest_request(deployment)}


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


def begin_start(ledger: Ledger) -> dict[str, Any]:
    """Under the lock: what was stopped is wanted again.

    Return {"todo", "name", "endpoint", "instance_id", "generation", "changed"}; todo: `start` its
    host, `replace` it, or `nothing`. NotFound: it is torn down. InvalidRequest: it never served.
    """
    row, host = ledger.deployment(), ledger.serving()
    _must_have_served(ledger, row, "`lamplighter up` with its specification continues it")
    todo = _todo(row, host)
    if todo != NOTHING:
        wanted = {"desired": Desired.PRESENT, "updated_at": ledger.time()}
        if not ledger.change(DEPLOYMENT, wanted, "#desired <> :absent", absent=Desired.ABSENT):
            raise _torn_down(ledger)
        if row.status != Status.STARTING:
            ledger.record(status=Status.STARTING, execution=ledger.owner)
            ledger.note("start", "the start began")
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
