"""The record of a repair, from its trigger to its outcome."""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.ledger.store import Ledger
from orchestrator.repair import diagnosis
from orchestrator.repair.triggers import Trigger
from orchestrator.spec.deployment import Deployment


def check(
    clients: Clients, deployment: Deployment, ledger: Ledger, trigger: Trigger, opened_at: str
) -> dict[str, Any]:
    """Return {"repair": bool, "why", "generation", "instance_id"}, looked at under the lock.

    opened_at is the workflow's start: asking twice opens one incident. Workflows wait for the lock
    in no order, so began_at, written under it, shows which repair came first.
    """
    row = ledger.deployment()
    current = row.get("instance_id")
    why = diagnosis.why_not(clients, deployment, ledger, row, trigger)
    answer = {"why": why, "generation": row["generation"], "instance_id": current}
    if why:
        ledger.note("repair", f"no repair: {why}")
        return {"repair": False, **answer}
    ledger.record(status="repairing", execution=ledger.owner)
    ledger.note("repair", f"repairing {current}: {trigger.text}", instance_id=current)
    ledger.write(
        _key(ledger, opened_at),
        {
            "opened_at": opened_at,
            "began_at": ledger.time(),
            "trigger": trigger.text,
            "instance_id": current,
            "execution": ledger.owner,
            "generation": row["generation"],
        },
    )
    return {"repair": True, **answer, "opened_at": opened_at}


def close(ledger: Ledger, opened_at: str, instance_id: str, outcome: str) -> dict[str, Any]:
    """Complete the incident's record; outcome: repaired | failed."""
    row = ledger.deployment()
    replaced_by = row.get("instance_id") if row.get("instance_id") != instance_id else None
    seconds = round(ledger.age({"intended_at": opened_at}), 1)
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


def abandon(ledger: Ledger, opened_at: str) -> None:
    """Close the incident that this repair opened, if it did, as failed."""
    row = ledger.read(_key(ledger, opened_at))
    if row and "closed_at" not in row:
        close(ledger, opened_at, row["instance_id"], "failed")


def _key(ledger: Ledger, opened_at: str) -> str:
    """EC2 reports a loss by several events: two workflows may start in the same millisecond."""
    return f"incident#{opened_at}#{ledger.owner.rpartition(':')[2]}"
