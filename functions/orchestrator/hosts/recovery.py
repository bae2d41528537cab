"""Repair a host without replacing it: its agent restarted, its machine rebooted or moved.

Each verb may run twice. What a host reported before is forgotten, so that `Serving.await` waits
for what it reports afterwards.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code
from orchestrator.capacity.spending import accrued
from orchestrator.errors import HostLost, Pending
from orchestrator.launch import instances
from orchestrator.ledger.rows import HostRow
from orchestrator.ledger.store import Ledger

_UNREACHABLE = ("InvalidInstanceId", "InvalidInstanceInformationFilterValue")
_RUNNING = {"Pending", "InProgress", "Delayed"}


def restart_agent(clients: Clients, ledger: Ledger, generation: int) -> dict[str, Any]:
    """Restart the host's agent by SSM, which does not need it; return {"command_id"}."""
    host = _host(ledger, generation)
    forget(ledger, host)
    document = f"{clients.settings.installation}-RestartAgent"
    try:
        sent = clients.ssm.send_command(
            InstanceIds=[str(host.instance_id)],
            DocumentName=document,
            DocumentVersion="$LATEST",
            TimeoutSeconds=60,
        )
    except ClientError as error:
        if code(error) in _UNREACHABLE:
            raise HostLost(f"{host.instance_id} does not answer Systems Manager") from None
        raise
    return {"command_id": sent["Command"]["CommandId"]}


def await_command(clients: Clients, ledger: Ledger, generation: int, command_id: str) -> None:
    """Pending while the command runs; HostLost when it failed or did not arrive."""
    instance_id = str(_host(ledger, generation).instance_id)
    try:
        found = clients.ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
    except ClientError as error:
        if code(error) == "InvocationDoesNotExist":  # a young one
            raise Pending(f"the command {command_id} is on its way") from None
        raise
    if found["Status"] in _RUNNING:
        raise Pending(f"the command {command_id} is {found['Status']}")
    if found["Status"] != "Success":
        raise HostLost(f"{instance_id}: the restart of its agent is {found['StatusDetails']}")


def reboot(clients: Clients, ledger: Ledger, generation: int) -> None:
    """Reboot the machine: disk, addresses and hardware stay."""
    host = _host(ledger, generation)
    forget(ledger, host, planned="reboot")
    clients.ec2.reboot_instances(InstanceIds=[str(host.instance_id)])


def stop(clients: Clients, ledger: Ledger, generation: int) -> None:
    """Stop the machine, so that its start finds other hardware; Pending until it is stopped."""
    host = _host(ledger, generation)
    instance_id = str(host.instance_id)
    if host.planned != "rehost":  # before the call: its events follow at once
        forget(ledger, host, planned="rehost")
    state = instances.state(clients, instance_id)
    if state == "stopped":
        return
    if state in {"absent", "shutting-down", "terminated"}:
        raise HostLost(f"{instance_id} is {state}: EC2 will not start it again")
    if state != "stopping":
        clients.ec2.stop_instances(InstanceIds=[instance_id])
    raise Pending(f"{instance_id} stops")


def start(clients: Clients, ledger: Ledger, generation: int) -> None:
    """Start the stopped machine; Pending until it runs, InsufficientCapacity where none is left."""
    host = _host(ledger, generation)
    instance_id = str(host.instance_id)
    state = instances.state(clients, instance_id)
    if state in {"absent", "shutting-down", "terminated"}:
        raise HostLost(f"{instance_id} is {state}: EC2 will not start it again")
    if state == "stopped":
        clients.ec2.start_instances(InstanceIds=[instance_id])
    if state != "running":
        raise Pending(f"{instance_id} is {state}, it is started")
    ran = accrued.ran(host, ledger.now())
    ledger.set_host(generation, planned=None, planned_at=None, stopped_at=None, **ran)


def _host(ledger: Ledger, generation: int) -> HostRow:
    host = ledger.host(generation)
    if host is None or host.instance_id is None:
        raise HostLost(f"generation {generation} of {ledger.name!r} has no instance")
    return host


def forget(ledger: Ledger, host: HostRow, planned: str | None = None) -> None:
    """Forget what it said. planned: what is about to end whatever runs on it, or has."""
    said = dict.fromkeys(
        ("phase", "percent", "cause", "blame", "phase_at", "reported_at", "unwell_at")
    )
    since = ledger.time() if planned else None
    ledger.set_host(host.generation, **said, planned=planned, planned_at=since)
