"""What ended before it was done: a stop or a start is started again, a change forgotten."""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.ledger.rows import DeploymentRow, Desired, Role, Status
from orchestrator.ledger.store import Ledger
from orchestrator.repair.starting import START, STOP, start
from orchestrator.spec.difference import digest

_NOT_STARTED = {Status.STOPPED, Status.ASLEEP, Status.STARTING}


def verb(row: DeploymentRow) -> str | None:
    """Return the workflow whose end is missing, None where none is."""
    if row.desired.is_halted and row.status != str(row.desired):
        return STOP
    if row.desired == Desired.PRESENT and row.status in _NOT_STARTED:
        return START
    return None


def start_again(clients: Clients, ledger: Ledger, row: DeploymentRow, workflow: str) -> str:
    """Start it at most once in ten minutes, should it fail each time; return what was done."""
    mark = f"{ledger.now():%Y%m%dT%H%M}"[:-1]
    name = start(clients, ledger, workflow, f"look-{mark}", **_how(row, workflow))
    return f"started {name}: a {workflow} ended before it was done"


def forget_change(ledger: Ledger) -> None:
    """Forget the change of a workflow that ended without a word: what serves stays.

    Where its old host has ended already, its candidate is given up: the next one is of what served.
    """
    row = ledger.deployment()
    if row.next_spec is None:
        return
    wanted = digest(row.specification())
    for host in ledger.hosts() if ledger.serving() is None else ():
        if host.role == Role.CANDIDATE and host.spec_digest not in {None, wanted}:
            ledger.set_host(host.generation, role=Role.RETIRED, ended_at=ledger.time())
    ledger.forget_change()
    ledger.note("change", "the change was aborted, and is forgotten: what serves stays")


def _how(row: DeploymentRow, workflow: str) -> dict[str, Any]:
    """Return what its first input said of the stop that is to be done."""
    if row.desired == Desired.ASLEEP:
        return {"sleep": True, "asked_by": row.asleep_by}
    return {"by": row.stopped_by} if workflow == STOP and row.stopped_by else {}
