"""What may start a repair, and which deployment's host it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.errors import InvalidRequest
from orchestrator.launch import instances
from orchestrator.ledger.rows import Desired, Role
from orchestrator.ledger.store import Ledger

_STATE_CHANGE = "EC2 Instance State-change Notification"
_SPOT_WARNING = "EC2 Spot Instance Interruption Warning"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why a repair may be due.

    instance_id: which instance it is about; "" is the current one, whichever that is.
    interrupted: EC2 will end it soon, although it still runs. forced: replace it, however well it
    is.
    """

    text: str
    instance_id: str = ""
    interrupted: bool = False
    forced: bool = False

    @classmethod
    def of_event(cls, event: Any) -> Self:
        """Return the trigger in an EC2 event; InvalidRequest for one that needs no repair."""
        detail = event.get("detail") if isinstance(event, dict) else None
        if not isinstance(detail, dict) or not isinstance(detail.get("instance-id"), str):
            raise InvalidRequest("detail.instance-id: missing; not an EC2 instance event")
        kind = event.get("detail-type")
        if kind == _STATE_CHANGE and detail.get("state") in instances.LOST:
            return cls(f"{kind}: {detail['state']}", detail["instance-id"])
        if kind == _SPOT_WARNING:
            return cls(kind, detail["instance-id"], interrupted=True)
        raise InvalidRequest(
            f"detail-type: {kind!r} with state {detail.get('state')!r} needs no repair"
        )

    @classmethod
    def of_request(cls, request: dict[str, Any]) -> Self:
        """Return the trigger in a repair's input: of `request`, or {"reason", "force"} by hand."""
        return cls(
            str(request.get("trigger") or request.get("reason") or "manual"),
            str(request.get("instance_id") or ""),
            interrupted=bool(request.get("interrupted")),
            forced=bool(request.get("force")),
        )

    def request(self) -> dict[str, Any]:
        """Return the input of the repair that an event starts."""
        return {
            "instance_id": self.instance_id,
            "trigger": self.text,
            "interrupted": self.interrupted,
        }


def deployment_of(clients: Clients, trigger: Trigger) -> str | None:
    """Return the deployment whose tag the instance carries.

    None for a foreign instance and for another installation's. One of an earlier version names no
    installation: `is_current` asks our ledger for it.
    """
    found = instances.describe(clients, trigger.instance_id)
    installation, deployment = naming.owner(found.get("Tags", []) if found else [])
    return deployment if installation in {clients.settings.installation, None} else None


def is_current(ledger: Ledger, trigger: Trigger) -> bool:
    """Return whether the event concerns the instance that should be serving now."""
    row, host = ledger.known_deployment(), ledger.host_of(trigger.instance_id)
    if row is None or host is None or row.desired != Desired.PRESENT:
        return False
    if host.role == Role.DRAINING and not trigger.interrupted:
        return True  # traffic may lead to it still: no workflow waited for its end
    current = ledger.serving() or ledger.hosts()[-1]
    return current.instance_id == trigger.instance_id
