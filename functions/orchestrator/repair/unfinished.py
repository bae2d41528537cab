"""A stop or a start that ended before it was done: the look of every minute starts it again."""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.ledger.rows import DeploymentRow, Desired, Status
from orchestrator.ledger.store import Ledger
from orchestrator.repair.starting import START, STOP, start

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


def _how(row: DeploymentRow, workflow: str) -> dict[str, Any]:
    """Return what its first input said of the stop that is to be done."""
    if row.desired == Desired.ASLEEP:
        return {"sleep": True, "asked_by": row.asleep_by}
    return {"by": row.stopped_by} if workflow == STOP and row.stopped_by else {}
