"""A stop or a start that ended before it was done: the look of every minute starts it again."""

from __future__ import annotations

from orchestrator.aws.clients import Clients
from orchestrator.ledger.rows import DeploymentRow, Desired, Status
from orchestrator.ledger.store import Ledger
from orchestrator.repair.starting import START, STOP, start


def verb(row: DeploymentRow) -> str | None:
    """Return the workflow whose end is missing, None where none is."""
    if row.desired == Desired.STOPPED and row.status != Status.STOPPED:
        return STOP
    if row.desired == Desired.PRESENT and row.status in {Status.STOPPED, Status.STARTING}:
        return START
    return None


def start_again(clients: Clients, ledger: Ledger, row: DeploymentRow, workflow: str) -> str:
    """Start it at most once in ten minutes, should it fail each time; return what was done."""
    mark = f"{ledger.now():%Y%m%dT%H%M}"[:-1]
    name = start(clients, ledger, workflow, f"look-{mark}", row.stopped_by)
    return f"started {name}: a {workflow} ended before it was done"
