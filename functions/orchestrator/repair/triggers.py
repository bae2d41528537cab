"""Which deployment's host an event of EC2 concerns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.errors import InvalidRequest
from orchestrator.ledger.store import DEPLOYMENT, Ledger
from orchestrator.resources import instance

_STATE_CHANGE = "EC2 Instance State-change Notification"
_SPOT_WARNING = "EC2 Spot Instance Interruption Warning"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why a repair may be due: about which instance, and is it doomed although it still runs?"""

    instance_id: str
    text: str
    doomed: bool


def parse(event: Any) -> Trigger:
    """Return the trigger in an EC2 event; InvalidRequest for one that needs no repair."""
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict) or not isinstance(detail.get("instance-id"), str):
        raise InvalidRequest("detail.instance-id: missing; not an EC2 instance event")
    kind = event.get("detail-type")
    if kind == _STATE_CHANGE and detail.get("state") in instance.LOST:
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
