"""Looks at the host that should serve: EC2, the endpoint from outside, its own last report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.aws.clients import Clients
from orchestrator.hosts import proof
from orchestrator.launch import instances
from orchestrator.ledger.rows import DeploymentRow, HostRow, Role
from orchestrator.ledger.store import Ledger
from orchestrator.repair.rungs import Blame, Facts
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceStatusTypeDef

_MISSED = 4  # reports of a host that answers: then its agent counts as silent
# Scheduled events after which the instance is gone, or off for a while.
_ENDING = {"instance-retirement", "instance-stop", "system-reboot", "instance-reboot"}
_DONE = ("[Completed]", "[Canceled]")  # at the start of an event's description


def look(
    clients: Clients, deployment: Deployment, ledger: Ledger, row: DeploymentRow, host: HostRow
) -> Facts:
    """Return what there is to know of it now."""
    instance_id = str(host.instance_id)
    found: Any = instances.describe(clients, instance_id) or {}
    is_given_up = host.role == Role.RETIRED
    state = found["State"]["Name"] if found and not is_given_up else "absent"
    is_open = deployment.is_open
    answers = state not in instances.LOST and proof.answers(
        ledger, row, clients.settings, is_open=is_open
    )
    status = _status(clients, instance_id) if state == "running" else {}
    heard_at = host.phase_at or host.launched_at
    silence = clients.settings.host_silence_seconds
    if answers and host.report_seconds:  # what follows harms no request
        silence = min(silence, _MISSED * host.report_seconds)
    return Facts(
        state=state,
        answers=answers,
        answers_itself=is_open
        and not answers
        and state in instances.ALIVE
        and proof.still_answers(clients, deployment, ledger, host),
        phase=host.phase,
        heard=heard_at is not None and ledger.seconds_since(heard_at) < silence,
        unwell_seconds=ledger.seconds_since(host.unwell_at) if host.unwell_at else 0.0,
        failing=frozenset(_failing(status)),
        ending=next(_ending(status), None),
        blame=Blame(host.blame or Blame.UNKNOWN),
        cause=host.cause,
        can_rehost=not found or instances.can_stop(found),
    )


def _status(clients: Clients, instance_id: str) -> InstanceStatusTypeDef | dict[str, Any]:
    """Return EC2's checks and scheduled events; empty while it has none."""
    found = clients.ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]
    return found[0] if found else {}


def _failing(status: Any) -> Iterator[str]:
    checks = {
        "system": "SystemStatus",
        "instance": "InstanceStatus",
        "attached-disk": "AttachedEbsStatus",
    }
    for what, key in checks.items():
        if status.get(key, {}).get("Status") == "impaired":
            yield what


def _ending(status: Any) -> Iterator[str]:
    for event in status.get("Events", []):
        text = event.get("Description", "")
        if event.get("Code") in _ENDING and not text.startswith(_DONE):
            yield f"{event['Code']}: {text}"
