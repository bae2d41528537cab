"""What the calendar wants by now, and the look of every minute starts: an edge of the schedule that
did not come about, a rotation.
"""

from __future__ import annotations

from orchestrator.aws.clients import Clients
from orchestrator.ledger.rows import DEPLOYMENT, SCHEDULE, DeploymentRow
from orchestrator.ledger.store import Ledger
from orchestrator.repair.starting import PROVISION
from orchestrator.repair.starting import start as start_workflow
from orchestrator.schedules import rotation
from orchestrator.schedules.edges import Moment


def start(clients: Clients, ledger: Ledger, edge: Moment) -> str:
    """Start it at most once in ten minutes, should it fail each time; return what was done."""
    mark = f"{ledger.now():%Y%m%dT%H%M}"[:-1]
    name = start_workflow(clients, ledger, edge.action, f"schedule-{mark}", by=SCHEDULE)
    return f"started {name}: the schedule's {edge.action} of {edge.at:%Y-%m-%dT%H:%MZ} is overdue"


def rotate(clients: Clients, ledger: Ledger, row: DeploymentRow) -> str | None:
    """Start what `lamplighter rotate` starts, once in a window; return what was done.

    None where no rotation is due. It is written down after the start, which is named after the
    window: a function that ends between the two starts nothing twice.
    """
    wanted = rotation.of(row.specification())
    begin = rotation.due(row, ledger.hosts(), ledger.now()) if wanted else None
    if wanted is None or begin is None:
        return None
    why = f"its rotation (every_days: {wanted.every_days})"
    mark = f"rotation-{begin:%Y%m%dT%H%M}"
    name = start_workflow(clients, ledger, PROVISION, mark, rotate=True, asked_by=why)
    ledger.change(DEPLOYMENT, {"rotated_at": ledger.time()}, "attribute_exists(pk)")
    ledger.note("rotation", f"started {name}, in the window that began at {begin:%Y-%m-%dT%H:%MZ}")
    return f"started {name}: {why} is due"
