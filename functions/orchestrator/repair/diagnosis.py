"""Is a repair due? Decided under the lock from what is there, not from what an event reported."""

from __future__ import annotations

from orchestrator.aws.clients import Clients
from orchestrator.hosts import proof
from orchestrator.launch import instances
from orchestrator.ledger.rows import DeploymentRow, Desired, HostRow, Role, Status
from orchestrator.ledger.store import Ledger
from orchestrator.repair.triggers import Trigger
from orchestrator.spec.deployment import Deployment

_UNWANTED = {
    Desired.ABSENT: "the deployment is not wanted any more",
    Desired.ASLEEP: "the deployment is asleep",
    Desired.STOPPED: "the deployment is stopped: only a command starts it",
    Desired.UNKNOWN: "a later version of Lamplighter wrote what is wanted",
}


def unwanted(ledger: Ledger, row: DeploymentRow, trigger: Trigger) -> str | None:
    """Return why this repair may do nothing at all, or None."""
    if row.desired in _UNWANTED:
        return _UNWANTED[row.desired]
    host = subject(ledger)
    if host is None or host.instance_id is None:
        return "no instance was launched yet: `lamplighter up` launches one"
    about = ledger.host_of(trigger.instance_id) if trigger.instance_id else host
    is_draining = about is not None and about.role == Role.DRAINING and not trigger.interrupted
    if trigger.instance_id and trigger.instance_id != host.instance_id and not is_draining:
        current = f"{trigger.instance_id} is not the current instance ({host.instance_id} is)"
        return f"{current}: EC2 reports one loss several times"
    if trigger.instance_id and row.status == Status.FAILED and _lost_hosts(row):
        return f"{row.reason}: `lamplighter repair` tries again"
    return None


def healthy(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    row: DeploymentRow,
    trigger: Trigger,
    *,
    traffic_moves: bool = False,
) -> str | None:
    """Return why no replacement is due, or None.

    traffic_moves: a workflow ended before it had led all of it to the host that serves.
    """
    host = subject(ledger)
    if trigger.interrupted or trigger.forced or host is None:
        return None
    if instances.state(clients, str(host.instance_id)) in instances.LOST:
        return None
    silence = clients.settings.host_silence_seconds
    if proof.answers(ledger, row, is_open=deployment.network.is_open, silence_seconds=silence):
        return f"{host.instance_id} runs and {row.endpoint} answers; `--force` replaces it anyway"
    if traffic_moves and proof.still_answers(clients, deployment, ledger, host):
        return f"{host.instance_id} runs and answers at its own address: traffic is led to it"
    return None


def subject(ledger: Ledger) -> HostRow | None:
    """Return the host that a repair is about: the one that serves, else the newest."""
    hosts = ledger.hosts()
    return next((host for host in hosts if host.role == Role.SERVING), hosts[-1] if hosts else None)


def _lost_hosts(row: DeploymentRow) -> bool:
    """Return whether the last workflow ended because EC2 took one host after the other."""
    return (row.reason or "").startswith("HostLost")
