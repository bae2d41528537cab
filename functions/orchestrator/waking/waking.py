"""Wake a deployment that sleeps, once however many ask, and say when it serves."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.deployments import starts
from orchestrator.ledger.rows import DeploymentRow, Desired, Status
from orchestrator.ledger.store import Ledger
from orchestrator.own_names import domain_names
from orchestrator.repair import starting
from orchestrator.waking import callers, refusals
from orchestrator.waking.rates import Rates
from orchestrator.waking.refusals import Refusal
from orchestrator.waking.requests import Asked, source

_AGAIN_SECONDS = 600  # after a start that failed
_SOON_SECONDS = 15.0  # what takes longer than it should; of the minute that resolvers may keep us
_NAMES = 100  # that are remembered
_GOING = {Status.STARTING, Status.PROVISIONING, Status.REPAIRING}


@dataclass(slots=True)
class Memory:
    """What one sandbox of the function remembers from request to request."""

    rates: Rates = field(default_factory=Rates)
    known: callers.Known = field(default_factory=callers.Known)
    deployments: dict[str, str] = field(default_factory=dict)


def answer(clients: Clients, memory: Memory, event: Any, ledger_of: Any) -> Refusal:
    """Return what a request is answered, after what it starts. ledger_of(name): the deployment's.

    Nothing is read for a request without a key, and nothing written down here: the workflow does.
    """
    try:
        memory.rates.admit(source(event), clients.now())
        asked = Asked.of(event, lambda host: _deployment(clients, memory, host))
        _must_have_key(memory, clients, asked)
        ledger = ledger_of(asked.deployment)
        row = ledger.known_deployment()
        key_id = _identified(clients, memory, asked, row)
        return _answered(clients, ledger, row, asked, key_id)
    except Refusal as refusal:
        return refusal


def _deployment(clients: Clients, memory: Memory, host: str) -> str | None:
    """Return whose name it is. API Gateway leads here what is a domain name of this account."""
    if host not in memory.deployments and (found := domain_names.deployment_of(clients, host)):
        if len(memory.deployments) >= _NAMES:
            memory.deployments.clear()
        memory.deployments[host] = found
    return memory.deployments.get(host)


def _must_have_key(memory: Memory, clients: Clients, asked: Asked) -> None:
    if asked.has_token:
        raise refusals.final(
            503,
            "asleep",
            "A token of an identity provider cannot be verified here: wake the deployment with one "
            "of its API keys.",
        )
    if not asked.key:
        memory.rates.count_wrong(asked.source, clients.now())
        raise refusals.unknown_key("No API key given: send it as `Authorization: Bearer <key>`.")


def _identified(clients: Clients, memory: Memory, asked: Asked, row: DeploymentRow | None) -> str:
    """Return the key's id. Strangers' names of deployments lead to no call of SSM, whose rate the
    whole account shares.
    """
    is_there = row is not None and row.status != Status.ABSENT
    try:
        return callers.identify(
            clients, memory.known, asked.deployment if is_there else None, asked.key
        )
    except Refusal:
        memory.rates.count_wrong(asked.source, clients.now())
        raise


def _answered(
    clients: Clients, ledger: Ledger, row: DeploymentRow | None, asked: Asked, key_id: str
) -> Refusal:
    if row is None or row.desired == Desired.ABSENT or row.served_at is None:
        return refusals.final(
            404,
            "not_found",
            f"{ledger.name} is no deployment that serves.",
            "invalid_request_error",
        )
    _must_be_allowed(row, asked.source)
    if row.desired == Desired.STOPPED:
        return refusals.final(
            503, "stopped", f"{ledger.name} is stopped: only its operator starts it again."
        )
    seconds = starts.expected(row, ledger.hosts())
    if row.desired == Desired.ASLEEP:
        return _woken(clients, ledger, row, asked, key_id, seconds)
    if row.status in _GOING:
        return refusals.wait(
            "starting", f"{ledger.name} is {row.status}", _left(ledger, row, seconds)
        )
    if asked.by_name:
        text = f"{ledger.name} is awake, and its name leads to it within a minute"
        return refusals.wait("awake", text, _SOON_SECONDS)
    return refusals.final(
        421, "awake", f"{ledger.name} is awake: send requests to {row.endpoint}.",
        "invalid_request_error",
    )  # fmt: skip


def _woken(
    clients: Clients, ledger: Ledger, row: DeploymentRow, asked: Asked, key_id: str, seconds: float
) -> Refusal:
    """Start what sleeps; the number of its sleep names the workflow, so that there is one."""
    name = ledger.name
    if not asked.wakes:
        text = (
            f"{name} sleeps: an inference request wakes it, {seconds:.0f} seconds before it serves"
        )
        return refusals.final(503, "asleep", f"{text}.")
    if row.status != Status.ASLEEP:
        return refusals.wait("asleep", f"{name} falls asleep, then it can be woken", seconds)
    rested = ledger.seconds_since(row.asleep_at) if row.asleep_at else _AGAIN_SECONDS
    if row.reason and rested < _AGAIN_SECONDS:
        text = f"{name} sleeps: its last start failed, its operator sees why"
        return refusals.wait("asleep", text, _AGAIN_SECONDS - rested + seconds)
    mark = f"wake-{row.generation}-{row.sleeps}"
    by = f"a request with the key {key_id!r}"
    starting.start(clients, ledger, starting.START, mark, only_asleep=True, asked_by=by)
    return refusals.wait("asleep", f"{name} slept, and was woken", seconds)


def _left(ledger: Ledger, row: DeploymentRow, seconds: float) -> float:
    """Return how long a start takes still."""
    begun = row.starting_at if row.status == Status.STARTING else None
    return max(seconds - (ledger.seconds_since(begun) if begun else 0.0), _SOON_SECONDS)


def _must_be_allowed(row: DeploymentRow, source: str) -> None:
    """Raise Refusal where the deployment's firewall would not let this address in."""
    network = row.specification().get("network")
    ranges = network.get("allowed_cidrs") if isinstance(network, dict) else None
    try:
        address = ipaddress.ip_address(source)
        is_allowed = ranges is None or any(address in ipaddress.ip_network(each) for each in ranges)
    except (TypeError, ValueError):
        is_allowed = False
    is_open = ranges is not None and "0.0.0.0/0" in ranges  # then IPv6 clients, too
    if not is_allowed and not is_open:
        raise refusals.final(
            403, "address_not_allowed", "This address may not reach the deployment.",
            "invalid_request_error",
        )  # fmt: skip
