"""Is a repair due? Decided under the lock from what is there, not from what an event reported."""

from __future__ import annotations

from orchestrator.aws.clients import Clients
from orchestrator.errors import Pending
from orchestrator.hosts import probe
from orchestrator.ledger.attributes import Row
from orchestrator.ledger.store import Ledger
from orchestrator.repair.triggers import Trigger
from orchestrator.resources import instance
from orchestrator.spec.deployment import Deployment


def why_not(
    clients: Clients, deployment: Deployment, ledger: Ledger, row: Row, trigger: Trigger
) -> str | None:
    """Return why no repair is due, or None."""
    if unwanted := _why_not_wanted(row, trigger):
        return unwanted
    if trigger.interrupted or trigger.forced:
        return None
    return _why_healthy(clients, deployment, ledger, row)


def _why_not_wanted(row: Row, trigger: Trigger) -> str | None:
    if row["desired"] != "present":
        return "the deployment is not wanted any more"
    if not row.get("instance_id"):
        return "no instance was launched yet: `lamplighter up` launches one"
    reported = trigger.instance_id
    if reported and reported != row["instance_id"]:
        current = f"{reported} is not the current instance ({row['instance_id']} is)"
        return f"{current}: EC2 reports one loss several times"
    if reported and row["status"] == "failed" and row.get("reason", "").startswith("HostLost"):
        return f"{row['reason']}: `lamplighter repair` tries again"
    return None


def _why_healthy(clients: Clients, deployment: Deployment, ledger: Ledger, row: Row) -> str | None:
    current = row["instance_id"]
    if instance.state(clients, current) in instance.LOST:
        return None
    if "endpoint" in row and _answers(clients, deployment, ledger, row):
        return f"{current} runs and {row['endpoint']} answers; `--force` replaces it anyway"
    return None


def _answers(clients: Clients, deployment: Deployment, ledger: Ledger, row: Row) -> bool:
    """Ask the endpoint; behind a closed door, the host's last report has to do, while fresh."""
    if deployment.network.is_open:
        try:
            probe.ready(row["endpoint"])
        except Pending:
            return False
        return True
    if row.get("phase") != "serving" or "phase_at" not in row:
        return False
    return ledger.age({"intended_at": row["phase_at"]}) < clients.settings.host_silence_seconds
