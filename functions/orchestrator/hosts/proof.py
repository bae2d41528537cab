"""Does a host serve? Asked from outside, on its own address, as a client would ask."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.aws.clients import Clients
from orchestrator.errors import Pending
from orchestrator.hosts import probe
from orchestrator.launch import instances
from orchestrator.ledger.rows import DeploymentRow, HostRow
from orchestrator.ledger.store import Ledger
from orchestrator.resources import keys
from orchestrator.settings import Settings
from orchestrator.spec.deployment import Deployment

# A busy endpoint is not down: one that answers every other probe gets a needless repair once in
# years. Each takes two seconds, or more where the machine hangs.
_TRIES, _TRIES_OF_A_HOST = 8, 2
_SHARE, _SHARE_OF_A_HOST = 3, 6  # of a function's time, after which no other try begins


def prove(clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow) -> str:
    """Return who says that the host serves, outside or host; Pending when it does not answer.

    Where the allowed ranges, or filters of the gateway, shut us out, the host's own word counts
    (it asked through its nginx): a closed door is not an outage.
    """
    if not deployment.is_open:
        if not _was_heard(ledger, host, clients.settings.host_silence_seconds):
            raise Pending(f"{host.instance_id} has not said lately that it serves")
        return "host"
    address = instances.address(clients, str(host.instance_id))
    origin = f"https://{address}"
    if deployment.engine_kind != "none":
        probe.serves(origin, keys.read(clients, ledger.name), deployment.host)
    else:
        probe.ready(origin, deployment.host)
    ledger.change(host.key, {"address": address}, "attribute_exists(pk)")
    return "outside"


def still_answers(clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow) -> bool:
    """Return whether a host that served answers clients at its address now."""
    if instances.state(clients, str(host.instance_id)) not in instances.ALIVE:
        return False
    if not deployment.is_open:
        return _was_heard(ledger, host, clients.settings.host_silence_seconds)
    seconds = clients.settings.step_seconds / _SHARE_OF_A_HOST
    return _tried(lambda: _is_ready(clients, deployment, host), _TRIES_OF_A_HOST, seconds)


def is_well(clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow) -> bool:
    """Return whether a host that served takes requests, as far as we can see.

    Its word counts where it has no public address: it was moved to its successor, for example.
    """
    found = instances.describe(clients, str(host.instance_id))
    if found and found.get("PublicIpAddress"):
        return still_answers(clients, deployment, ledger, host)
    return _was_heard(ledger, host, clients.settings.host_silence_seconds)


def _is_ready(clients: Clients, deployment: Deployment, host: HostRow) -> bool:
    try:
        probe.ready(f"https://{instances.address(clients, str(host.instance_id))}", deployment.host)
    except Pending:
        return False
    return True


def _answers(endpoint: str) -> bool:
    try:
        probe.ready(endpoint)
    except Pending:
        return False
    return True


def answers(ledger: Ledger, row: DeploymentRow, settings: Settings, *, is_open: bool) -> bool:
    """Return whether the endpoint answers now.

    Behind a closed door the last report of the host that serves has to do, while it is fresh.
    """
    if row.endpoint is None:
        return False
    if is_open:
        endpoint = row.endpoint
        return _tried(lambda: _answers(endpoint), _TRIES, settings.step_seconds / _SHARE)
    host = ledger.serving()
    return host is not None and _was_heard(ledger, host, settings.host_silence_seconds)


def _tried(look: Callable[[], bool], times: int, seconds: float) -> bool:
    """Return whether one of the looks gets an answer; after so many seconds none begins."""
    until = time.monotonic() + seconds
    for _ in range(times):
        if look():
            return True
        if time.monotonic() >= until:
            break
    return False


def _was_heard(ledger: Ledger, host: HostRow, silence_seconds: float) -> bool:
    """Return whether the host's last report, a fresh one, says that it serves."""
    if host.phase != "serving" or host.phase_at is None:
        return False
    return ledger.seconds_since(host.phase_at) < silence_seconds
