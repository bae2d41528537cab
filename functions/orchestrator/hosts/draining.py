"""Let hosts finish what they began, without polling them: their reports answer the wait.

They are predecessors of the one that serves, or what is about to be stopped.

The order is an SSM parameter that the host's agent reads (tests/contracts/host_order.json): clients
are led to new connections at once, new requests are refused from `refuse_from` on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.errors import Superseded
from orchestrator.hosts import successor, task_tokens
from orchestrator.launch import instances
from orchestrator.ledger.rows import HALTED, STOP, AwaitRow, Desired, HostRow, Role
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_RETRY_SECONDS = 5  # for a client that is refused: by then the address has moved, as a rule
_STOPPED_RETRY_SECONDS = 60  # when it is started again is unknown
_TTLS = 2  # resolvers and pools of connections keep the old answer for about so long
_MARGIN_SECONDS = 120


def drain_first(clients: Clients, deployment: Deployment, ledger: Ledger, task_token: str) -> None:
    """Let the predecessors drain before traffic moves: they refuse new requests from now on."""
    _drain(clients, deployment, ledger, task_token, 0)


def drain_predecessors(
    clients: Clients, deployment: Deployment, ledger: Ledger, task_token: str
) -> None:
    """Let the predecessors drain after traffic has moved.

    They serve new requests until no resolver should know their address any more.
    """
    ttl = max([deployment.dns.ttl_seconds, *(h.ttl_seconds or 0 for h in busy(clients, ledger))])
    _drain(clients, deployment, ledger, task_token, _TTLS * ttl)


def drain_host(clients: Clients, deployment: Deployment, ledger: Ledger, task_token: str) -> None:
    """Let the host that serves drain before it is stopped, and predecessors with it."""
    _plan_stop(ledger)
    _drain(clients, deployment, ledger, task_token, 0, desired=HALTED)


def drain_replaced(
    clients: Clients, deployment: Deployment, ledger: Ledger, task_token: str
) -> None:
    """Let the host that serves drain before the one that replaces it is launched."""
    _plan_stop(ledger)
    _drain(clients, deployment, ledger, task_token, 0)


def _plan_stop(ledger: Ledger) -> None:
    host = ledger.serving()
    if host and host.planned != STOP:
        ledger.set_host(host.generation, planned=STOP, planned_at=ledger.time())


def _drain(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    task_token: str,
    seconds: int,
    desired: Sequence[Desired] = (Desired.PRESENT,),
) -> None:
    """Order it, and keep the task token until all of them have drained.

    seconds: from now until new requests are refused.
    """
    left = busy(clients, ledger)
    for host in left:
        _order(clients, deployment, ledger, host, seconds)
        instance_id = str(host.instance_id)
        ledger.keep_wait(
            AwaitRow(token=task_token, instance_id=instance_id, generation=host.generation)
        )
    if left:
        ledger.note("traffic", f"{_names(left)}: drains, new requests end in {seconds} s")
    now = ledger.deployment().desired
    if now not in desired:  # what changed that found no token to fail
        raise Superseded(f"{ledger.name!r} is {now.now}; this workflow stops")
    if left and (error := successor.fault(clients, deployment, ledger)):  # nor did that
        raise error
    answer(clients, ledger, task_token)  # their last reports may have come before our rows


def answer(clients: Clients, ledger: Ledger, task_token: str) -> bool:
    """Continue the workflow when no host that drains is busy; return whether it was so."""
    if busy(clients, ledger):
        task_tokens.beat(clients, task_token)
        return False
    task_tokens.succeed(clients, task_token, {})
    return True


def busy(clients: Clients, ledger: Ledger) -> list[HostRow]:
    """Return those that drain and may answer requests: EC2 has them, and they say they serve."""
    return [
        host
        for host in ledger.hosts()
        if drains(host)
        and host.phase in {"serving", "draining"}
        and instances.state(clients, str(host.instance_id)) in instances.ALIVE
    ]


def drains(host: HostRow) -> bool:
    """Return whether its requests are to end: a predecessor, or about to be stopped."""
    return host.role == Role.DRAINING or (host.role == Role.SERVING and host.planned == STOP)


def longest(deployment: Deployment, predecessors: Sequence[HostRow]) -> int:
    """Return after how many seconds no predecessor is waited for, whatever it says.

    Its own limits count, and the TTL of the answers that resolvers keep from its time.
    """
    ttls = (host.ttl_seconds or 0 for host in predecessors)
    timeouts = (host.timeout_seconds or 0 for host in predecessors)
    ttl = max([deployment.dns.ttl_seconds, *ttls])
    return _TTLS * ttl + max([deployment.gateway.max_timeout_seconds, *timeouts]) + _MARGIN_SECONDS


def longest_request(deployment: Deployment, earlier: int = 0) -> int:
    """Return after how many seconds no host is waited for that takes no new requests.

    earlier: the same limit of the specification that the host serves, in seconds.
    """
    return max(deployment.gateway.max_timeout_seconds, earlier) + _MARGIN_SECONDS


def limits(serving: Deployment) -> dict[str, int]:
    """Return what a predecessor's row keeps of the specification that it served."""
    return {
        "ttl_seconds": serving.dns.ttl_seconds,
        "timeout_seconds": serving.gateway.max_timeout_seconds,
    }


def _order(
    clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow, seconds: int
) -> None:
    name = naming.order_parameter(ledger.name, str(host.instance_id))
    refuse_from = (ledger.now() + timedelta(seconds=seconds)).isoformat()
    retry = _STOPPED_RETRY_SECONDS if host.planned == STOP else _RETRY_SECONDS
    drain = {"refuse_from": refuse_from, "retry_after_seconds": retry}
    with tolerating("ParameterAlreadyExists"):  # of an earlier attempt: it drains since then
        clients.ssm.put_parameter(
            Name=name,
            Description=f"order to a host of the Lamplighter deployment {ledger.name}",
            Type="String",
            Value=json.dumps({"drain": drain}),
            Tags=naming.tags(ledger.installation, deployment, "order"),  # type: ignore[arg-type]
        )


def _names(hosts: list[HostRow]) -> str:
    return ", ".join(str(host.instance_id) for host in hosts)
