"""What is known of an incident that has ended leaves the ledger: as metrics, and as a notice."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.aws.clients import Clients
from orchestrator.capacity.spending import accrued, budget
from orchestrator.ledger.rows import (
    CAPACITY,
    WAITING,
    CapacityRow,
    DeploymentRow,
    Desired,
    IncidentRow,
)
from orchestrator.ledger.store import Ledger
from orchestrator.notices import texts
from orchestrator.notices.sending import send
from orchestrator.observability import record_incident
from orchestrator.repair import bounds, starting
from orchestrator.schedules import due as due_edges

UNREPAIRABLE = "unrepairable"


def ended(clients: Clients, ledger: Ledger, row: DeploymentRow, incident: IncidentRow) -> None:
    """Record it, and notify where people lost service, or have to act."""
    record_incident(ledger.name, incident)
    settings, name = clients.settings, ledger.name
    if incident.outcome == bounds.REPAIRED and incident.unserved_seconds:
        send(clients, ledger, texts.repaired(settings, name, row, incident))
    elif incident.outcome == UNREPAIRABLE:
        send(clients, ledger, texts.explained(settings, name, row, incident))
    elif incident.outcome in {bounds.FAILED, bounds.NO_CAPACITY}:
        send(clients, ledger, texts.repair_failed(settings, name, row, incident))


def waits(clients: Clients, ledger: Ledger) -> None:
    """Notify where AWS has had no capacity for a while."""
    values = ledger.read(CAPACITY)
    if values is None:
        return
    capacity = CapacityRow.of(values)
    host = ledger.host(capacity.generation)
    if host is None or host.phase != WAITING:
        return
    notice = texts.waiting_for_capacity(clients.settings, ledger.name, capacity, host, ledger.now())
    if notice:
        send(clients, ledger, notice)


def spent(clients: Clients, ledger: Ledger, row: DeploymentRow) -> None:
    """Notify where most or all of the month's budget is spent, and stop where that is asked for.

    What is started after that is not stopped again: the workflow is named after the budget.
    """
    if budget.monthly_usd(row) is None:
        return
    now = ledger.now()
    cost = accrued.cost(row, ledger.hosts(), now)
    for due in budget.due(row, cost, f"{now:%Y-%m}"):
        month = datetime.strptime(due.month, "%Y-%m").replace(tzinfo=UTC)
        stops = due.is_all and budget.stops(row)
        if stops and (row.desired == Desired.PRESENT or due_edges.is_stopped_by_it(row)):
            mark = f"budget-{due.month}-{due.monthly_usd:g}"
            starting.start(clients, ledger, starting.STOP, mark)
        spent_usd, monthly_usd = due.spent_usd, due.monthly_usd
        notice = texts.budget(
            clients.settings, ledger.name, month, spent_usd, monthly_usd, stops=stops
        )
        if notice is None or send(clients, ledger, notice):
            ledger.change("deployment", {"budget_noticed": due.noticed}, "attribute_exists(pk)")
