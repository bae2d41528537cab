"""An edge of the schedule that did not come about: the look of every minute starts it."""

from __future__ import annotations

from orchestrator.aws.clients import Clients
from orchestrator.ledger.rows import SCHEDULE
from orchestrator.ledger.store import Ledger
from orchestrator.repair.starting import start as start_workflow
from orchestrator.schedules.edges import Moment


def start(clients: Clients, ledger: Ledger, edge: Moment) -> str:
    """Start it at most once in ten minutes, should it fail each time; return what was done."""
    mark = f"{ledger.now():%Y%m%dT%H%M}"[:-1]
    name = start_workflow(clients, ledger, edge.action, f"schedule-{mark}", by=SCHEDULE)
    return f"started {name}: the schedule's {edge.action} of {edge.at:%Y-%m-%dT%H:%MZ} is overdue"
