"""Repair: whose instance does an event speak of, is it really lost, and what became of it?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator import naming, probe
from orchestrator.deployment import Deployment
from orchestrator.errors import InvalidRequest, Pending
from orchestrator.ledger import DEPLOYMENT, Ledger, Row
from orchestrator.resources import instance

if TYPE_CHECKING:
    from orchestrator.clients import Clients

_STATE_CHANGE = "EC2 Instance State-change Notification"
_SPOT_WARNING = "EC2 Spot Instance Interruption Warning"
_LOST = ("stopping", "stopped", "shutting-down", "terminated", "absent")


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why a repair may be due: about which instance, and is it doomed although it still runs?"""

    instance_id: str
    text: str
    doomed: bool


def parse(event: Any) -> Trigger:
    """Return what an EC2 event says; InvalidRequest for one that we do not know."""
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict) or not isinstance(detail.get("instance-id"), str):
        raise InvalidRequest("detail.instance-id: missing; not an EC2 instance event")
    kind = event.get("detail-type")
    if kind == _STATE_CHANGE and detail.get("state") in _LOST:
        return Trigger(detail["instance-id"], f"{kind}: {detail['state']}", doomed=False)
    if kind == _SPOT_WARNING:
        return Trigger(detail["instance-id"], kind, doomed=True)
    raise InvalidRequest(
        f"detail-type: {kind!r} with state {detail.get('state')!r} needs no repair"
    )


def deployment_of(clients: Clients, trigger: Trigger) -> str | None:
    """Return the deployment whose tag the instance carries.

    None for a foreign instance and for another installation's. One of an earlier version names no
    installation: `is_current` asks our ledger for it.
    """
    found = instance.describe(clients, trigger.instance_id)
    installation, deployment = naming.owner(found.get("Tags", []) if found else [])
    return deployment if installation in {clients.settings.installation, None} else None


def is_current(ledger: Ledger, trigger: Trigger) -> bool:
    """Return whether the event concerns the instance that should be serving now."""
    row = ledger.read(DEPLOYMENT)
    return bool(
        row and row["desired"] == "present" and row.get("instance_id") == trigger.instance_id
    )


def check(clients: Clients, ledger: Ledger, request: dict[str, Any]) -> dict[str, Any]:
    """Return {"repair": bool, "why", "generation", "instance_id"}, looked at under the lock.

    request: {"opened_at"} and {"instance_id", "trigger", "doomed"} of an event, or {"reason",
    "force"} by hand. opened_at is the workflow's start: asking twice opens one incident. Workflows
    wait for the lock in no order, so began_at, written under it, tells which repair came first.
    """
    row = ledger.deployment()
    current = row.get("instance_id")
    why = _why_not(row, request) or _why_healthy(clients, ledger, request, current)
    answer = {"why": why, "generation": row["generation"], "instance_id": current}
    if why:
        ledger.note("repair", f"no repair: {why}")
        return {"repair": False, **answer}
    trigger = request.get("trigger") or request.get("reason") or "manual"
    ledger.record(status="repairing", execution=ledger.owner)
    ledger.note("repair", f"repairing {current}: {trigger}", instance_id=current)
    opened = request["opened_at"]
    ledger.write(
        _key(ledger, opened),
        {
            "opened_at": opened,
            "began_at": ledger.time(),
            "trigger": trigger,
            "instance_id": current,
            "execution": ledger.owner,
            "generation": row["generation"],
        },
    )
    return {"repair": True, **answer, "opened_at": opened}


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


def _why_not(row: dict[str, Any], request: dict[str, Any]) -> str | None:
    if row["desired"] != "present":
        return "the deployment is not wanted any more"
    if not row.get("instance_id"):
        return "no instance was launched yet: `lamplighter up` launches one"
    told_of = request.get("instance_id")
    if told_of and told_of != row["instance_id"]:
        current = f"{told_of} is not the current instance ({row['instance_id']} is)"
        return f"{current}: EC2 reports one loss several times"
    return None


def _why_healthy(
    clients: Clients, ledger: Ledger, request: dict[str, Any], current: str | None
) -> str | None:
    if request.get("doomed") or request.get("force") or current is None:
        return None
    if instance.state(clients, current) in _LOST:
        return None
    row = ledger.deployment()
    if "endpoint" in row and _answers(clients, ledger, row):
        return f"{current} runs and {row['endpoint']} answers; `--force` replaces it anyway"
    return None


def _answers(clients: Clients, ledger: Ledger, row: Row) -> bool:
    """Ask the endpoint; behind a closed door, the host's last report has to do, while fresh."""
    if Deployment.parse(json.loads(row["spec"])).network.is_open:
        try:
            probe.ready(row["endpoint"])
        except Pending:
            return False
        return True
    if row.get("phase") != "serving" or "phase_at" not in row:
        return False
    return ledger.age({"intended_at": row["phase_at"]}) < clients.settings.host_silence_seconds


def _key(ledger: Ledger, opened_at: str) -> str:
    """One loss is told by several events: two workflows may start in the same millisecond."""
    return f"incident#{opened_at}#{ledger.owner.rpartition(':')[2]}"
