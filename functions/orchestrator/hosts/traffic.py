"""Move traffic: from the host that served to the one that has proved itself.

A predecessor that is dead, or does not answer, gives its Elastic IP away at once. One that serves
keeps what it has until it has drained: with a domain the successor gets an address beside it and
the name is led there; without one the predecessor drains first, then the address moves.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.errors import HostFailed, HostLost, InvalidRequest, Pending
from orchestrator.hosts import draining, error_rate, proof
from orchestrator.launch import instances
from orchestrator.ledger.rows import HostRow, Role
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.parsing import parse


def promote_host(
    clients: Clients, deployment: Deployment, ledger: Ledger, generation: int
) -> dict[str, Any]:
    """Make the generation the deployment's; return {"drain_first", "beside", "drain_seconds"}.

    It has proved itself, and no traffic has moved yet. Twice is once: the predecessors are those
    that drain still. drain_seconds: the most that all of their requests can take. The specification
    of this workflow's change becomes the deployment's with it.
    """
    hosts = ledger.hosts()
    host = next((each for each in hosts if each.generation == generation), None)
    if host is None or host.role not in {Role.CANDIDATE, Role.SERVING}:
        raise HostLost(f"generation {generation} of {ledger.name!r} is not there any more")
    if host.role == Role.CANDIDATE:
        if error := instances.lost(clients, str(host.instance_id)):  # after its proof
            raise error
        _must_be_well(host)
        before = [each for each in hosts if each.role == Role.SERVING]
        kept = {
            **draining.limits(_serving(ledger, deployment)),
            "address": ledger.deployment().address,  # where it may be taken back to
        }
        left = {
            each.generation: {"role": _role(clients, deployment, ledger, each), **kept}
            for each in before
        }
        is_changed = ledger.deployment().changes_by(ledger.owner)
        ledger.promote(host, left, error_rate.before(host) if is_changed else {})
        ledger.note(
            "traffic",
            f"generation {generation} serves: traffic is led to it",
            instance_id=host.instance_id,
        )
    elif ledger.deployment().changes_by(ledger.owner):
        ledger.adopt_change(generation)
        ledger.note("change", "changed in place: no host was touched")
    busy = draining.busy(clients, ledger)
    is_beside_one = bool(busy)
    return {
        "drain_first": is_beside_one and not deployment.host,
        "beside": is_beside_one and bool(deployment.host),
        "drain_seconds": draining.longest(deployment, busy),
    }


def _must_be_well(host: HostRow) -> None:
    """Raise HostFailed, or Pending while it mends itself: it is worse since its proof."""
    if host.phase == "failed":
        raise HostFailed(f"{host.instance_id}: {host.cause or 'the host gave no cause'}")
    if host.phase == "unhealthy":
        raise Pending(f"{host.instance_id} is unhealthy: {host.cause or 'no cause yet'}")


def _serving(ledger: Ledger, deployment: Deployment) -> Deployment:
    """Return the deployment as it was specified for the host that serves."""
    with suppress(InvalidRequest):
        return parse(ledger.specification())
    return deployment


def _role(clients: Clients, deployment: Deployment, ledger: Ledger, predecessor: HostRow) -> Role:
    """Return what becomes of the host that served: one that does not answer has nothing to end."""
    answers = proof.still_answers(clients, deployment, ledger, predecessor)
    return Role.DRAINING if answers else Role.RETIRED
