"""The record of a repair, from its trigger to its outcome."""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.ledger.rows import INCIDENTS, IncidentRow, Role, Status
from orchestrator.ledger.store import Ledger
from orchestrator.repair import diagnosis
from orchestrator.repair.triggers import Trigger
from orchestrator.spec.deployment import Deployment


def check(
    clients: Clients, deployment: Deployment, ledger: Ledger, trigger: Trigger, opened_at: str
) -> dict[str, Any]:
    """Return {"todo", "why", "generation", "instance_id"}, looked at under the lock.

    todo: `replace` the host; `finish` what a repair that was aborted left, of traffic and hosts;
    or `nothing`. opened_at is the workflow's start: asking twice opens one incident. Workflows wait
    for the lock in no order, so began_at, written under it, shows which repair came first.
    """
    _close_aborted(ledger)
    row, host = ledger.deployment(), diagnosis.subject(ledger)
    answer: dict[str, Any] = {
        "generation": host.generation if host else 0,
        "instance_id": host.instance_id if host else None,
    }
    if why := diagnosis.unwanted(ledger, row, trigger):
        ledger.note("repair", f"no repair: {why}")
        return {"todo": "nothing", "why": why, **answer}
    is_unfinished = host is not None and _is_unfinished(ledger, row.status)
    why = diagnosis.healthy(clients, deployment, ledger, row, trigger, traffic_moves=is_unfinished)
    if why:
        ledger.note("repair", f"no repair: {why}")
        todo = "finish" if is_unfinished else "nothing"
        return {"todo": todo, "why": why, **answer}
    ledger.record(status=Status.REPAIRING, execution=ledger.owner)
    current = answer["instance_id"]
    ledger.note("repair", f"repairing {current}: {trigger.text}", instance_id=current)
    incident = IncidentRow(
        opened_at=opened_at,
        began_at=ledger.time(),
        trigger=trigger.text,
        instance_id=host.instance_id if host else None,
        execution=ledger.owner,
        generation=answer["generation"],
    )
    ledger.write(_key(ledger, opened_at), incident.values())
    return {"todo": "replace", "why": None, **answer, "opened_at": opened_at}


def close(ledger: Ledger, opened_at: str, instance_id: str, outcome: str) -> dict[str, Any]:
    """Complete the incident's record; outcome: repaired | failed."""
    host = ledger.serving()
    new = host.instance_id if host else None
    replaced_by = new if new != instance_id else None
    seconds = round(ledger.seconds_since(opened_at), 1)
    ledger.update(
        _key(ledger, opened_at),
        {
            "closed_at": ledger.time(),
            "outcome": outcome,
            "replaced_by": replaced_by,
            "seconds": seconds,
        },
    )
    ledger.note("repair", f"{outcome}: {instance_id} -> {replaced_by} in {seconds} s")
    return {
        "name": ledger.name,
        "outcome": outcome,
        "instance_id": replaced_by,
        "replaced": instance_id,
        "seconds": seconds,
    }


def leave(ledger: Ledger) -> dict[str, Any]:
    """Note that another workflow holds the lock for longer than a repair waits for it."""
    why = "another workflow is at work on the deployment, and sees to the hosts that it waits for"
    ledger.note("repair", f"no repair: {why}")
    return {"name": ledger.name, "outcome": "skipped", "why": why, "instance_id": ""}


def abandon(ledger: Ledger, opened_at: str) -> None:
    """Close the incident that this repair opened, if it did, as failed."""
    values = ledger.read(_key(ledger, opened_at))
    if values and "closed_at" not in values:
        close(ledger, opened_at, str(IncidentRow.of(values).instance_id), "failed")


def _close_aborted(ledger: Ledger) -> None:
    """Close what repairs opened that ended without a word: this one holds the lock now."""
    for values in list(ledger.rows(INCIDENTS)):
        incident = IncidentRow.of(values)
        if incident.closed_at is None and incident.execution != ledger.owner:
            ledger.update(values["sk"], {"closed_at": ledger.time(), "outcome": "aborted"})


def _is_unfinished(ledger: Ledger, status: Status) -> bool:
    """Return whether an aborted workflow left hosts beside the one that serves, or its status."""
    roles = [host.role for host in ledger.hosts()]
    left = Role.CANDIDATE in roles or Role.DRAINING in roles
    return Role.SERVING in roles and (left or status != Status.SERVING)


def _key(ledger: Ledger, opened_at: str) -> str:
    """EC2 reports a loss by several events: two workflows may start in the same millisecond."""
    return f"{INCIDENTS}{opened_at}#{ledger.owner.rpartition(':')[2]}"
