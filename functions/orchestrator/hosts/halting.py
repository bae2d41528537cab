"""Stop a host for as long as its deployment is stopped, or let it serve again.

Each verb may run twice. A host that EC2 cannot stop loses its role: what ends predecessors ends it.
"""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.errors import Pending
from orchestrator.hosts import recovery
from orchestrator.launch import instances
from orchestrator.ledger.rows import DEPLOYMENT, HALTED, STOP, Desired, HostRow, Role
from orchestrator.ledger.store import Ledger

_ENDED = {"shutting-down", "terminated", "absent"}


def halt(clients: Clients, ledger: Ledger) -> dict[str, Any]:
    """Stop the host that serves; Pending until it is stopped. Return {"instance_id", "kept"}.

    kept: its disk is there for the next start. Candidates lose their role.
    """
    for candidate in (each for each in ledger.hosts() if each.role == Role.CANDIDATE):
        ledger.set_host(candidate.generation, role=Role.RETIRED)
    host = ledger.serving()
    if host is None or host.instance_id is None:
        return {"instance_id": None, "kept": False}
    if host.planned != STOP:  # before the call: its events follow at once
        ledger.set_host(host.generation, planned=STOP, planned_at=ledger.time())
    found = instances.describe(clients, host.instance_id)
    state = found["State"]["Name"] if found else "absent"
    if state in _ENDED or not instances.can_stop(found):
        _give_up(ledger, host, state)
        return {"instance_id": host.instance_id, "kept": False}
    if state in instances.ALIVE:
        if state == "running":  # EC2 stops none that is pending
            clients.ec2.stop_instances(InstanceIds=[host.instance_id])
        raise Pending(f"{host.instance_id} stops")
    if host.stopped_at is None:
        ledger.set_host(host.generation, stopped_at=ledger.time())
    if state != "stopped":
        raise Pending(f"{host.instance_id} is {state}")
    recovery.forget(ledger, host, planned=STOP)
    return {"instance_id": host.instance_id, "kept": True}


def resume(clients: Clients, ledger: Ledger) -> dict[str, bool]:
    """After a stop that failed: what EC2 still runs is wanted again. Return {"resumed"}."""
    host = ledger.serving()
    if host is None or instances.state(clients, str(host.instance_id)) not in instances.ALIVE:
        return {"resumed": False}
    wanted = {"desired": Desired.PRESENT, "updated_at": ledger.time()}
    halted = {str(each): each for each in HALTED}
    is_wanted = ledger.change(DEPLOYMENT, wanted, "#desired IN (:stopped, :asleep)", **halted)
    ledger.set_host(host.generation, planned=None, planned_at=None)
    return {"resumed": is_wanted}


def _give_up(ledger: Ledger, host: HostRow, state: str) -> None:
    """Take its role from a host that is gone, or that only a termination ends."""
    is_gone = state in _ENDED
    why = f"is {state}" if is_gone else "cannot be stopped by EC2: it is terminated"
    ledger.set_host(host.generation, role=Role.RETIRED, ended_at=ledger.time() if is_gone else None)
    ledger.note("stop", f"{host.instance_id} {why}", instance_id=host.instance_id)
