"""Take a predecessor back that drains and is well, when a step after the promotion has failed.

A new host that dies, or serves no more, never takes the old one with it: traffic returns to that,
and a change counts as failed.
"""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.errors import Pending, sentence
from orchestrator.hosts import draining, proof
from orchestrator.launch import instances
from orchestrator.ledger.rows import HostRow, Role
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment


def take_back(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    error: str,
    cause: str,
    *,
    repairing: bool = False,
) -> dict[str, Any]:
    """Return {"taken_back", "cause", "drain_first", "drain_seconds"}; twice is once.

    The newest predecessor that drains becomes the one that serves, by the specification that it
    served before; the host that followed it drains while it answers. Pending: the predecessor,
    whose order was withdrawn, does not answer yet. error, cause: of the step that failed.

    Not where no predecessor is left; nor by a repair whose new host is well: that one stays.
    """
    why, serving = sentence(cause), ledger.serving()
    if serving and _was_taken_back(ledger, serving):
        return _answer(clients, deployment, ledger, serving, why)
    before = _predecessor(clients, ledger, serving) if serving else None
    if serving is None or before is None:
        return _not_taken(why)
    is_well = proof.still_answers(clients, deployment, ledger, serving)
    if repairing and is_well:
        return _not_taken(why)
    if not proof.is_well(clients, deployment, ledger, before):
        raise Pending(f"{before.instance_id} was to drain, and does not answer yet")
    left = Role.DRAINING if is_well else Role.RETIRED
    ledger.return_to(before, serving, {"role": left, **draining.limits(deployment)})
    ledger.note(
        "traffic",
        f"generation {before.generation} is taken back, generation {serving.generation} goes: "
        f"{error}: {why}",
        instance_id=before.instance_id,
    )
    return _answer(clients, deployment, ledger, before, why)


def _predecessor(clients: Clients, ledger: Ledger, serving: HostRow) -> HostRow | None:
    """Return the newest one that EC2 has still, and that has not failed."""
    found = [
        host
        for host in ledger.hosts()
        if host.role == Role.DRAINING
        and host.generation < serving.generation
        and host.phase != "failed"
        and instances.state(clients, str(host.instance_id)) in instances.ALIVE
    ]
    return found[-1] if found else None


def _was_taken_back(ledger: Ledger, serving: HostRow) -> bool:
    """Return whether an earlier attempt did it: a later host has served, and goes."""
    return any(
        host.generation > serving.generation and host.served_at and host.ended_at is None
        for host in ledger.hosts()
    )


def _answer(
    clients: Clients, deployment: Deployment, ledger: Ledger, serving: HostRow, why: str
) -> dict[str, Any]:
    """drain_first: traffic may lead to the other host at the only address."""
    busy = draining.busy(clients, ledger)
    return {
        "taken_back": True,
        "cause": f"{why} (generation {serving.generation} serves again)",
        "drain_first": bool(busy) and not deployment.host,
        "drain_seconds": draining.longest(deployment, busy),
    }


def _not_taken(why: str) -> dict[str, Any]:
    return {"taken_back": False, "cause": why, "drain_first": False, "drain_seconds": 1}
