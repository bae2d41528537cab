"""Is the host well that traffic was led to, while its predecessors drain?"""

from __future__ import annotations

from functools import partial

from orchestrator.aws.clients import Clients
from orchestrator.errors import HostFailed, HostLost, OrchestratorError
from orchestrator.hosts import error_rate, proof, task_tokens
from orchestrator.launch import instances
from orchestrator.ledger.rows import HostRow, Role
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_REPORTS = 1.5  # of a host, without which it is looked at; an answer from outside decides
_REPORT_SECONDS = 30  # of a host that did not say how often it reports


def fault(clients: Clients, deployment: Deployment, ledger: Ledger) -> OrchestratorError | None:
    """Return why it serves no more; None while it does, or while nothing says otherwise.

    Its own word is enough to look at it, and so is its silence: an answer from outside decides.
    The host of a change is judged by its errors, too, however well it answers.
    """
    host = ledger.serving()
    if host is None or host.planned:
        return None
    if error := instances.lost(clients, str(host.instance_id)):
        return error
    if (why := error_rate.exceeded(deployment, host)) and _follows(ledger, host):
        return HostFailed(why)
    if not _is_in_doubt(ledger, host) or proof.is_well(clients, deployment, ledger, host):
        return None
    because = f": {host.cause}" if host.cause else ""
    if host.phase == "serving":
        return HostLost(f"{host.instance_id} neither answers nor reports any more")
    return HostFailed(f"{host.instance_id} is {host.phase} since traffic was led to it{because}")


def has_predecessors(ledger: Ledger, host: HostRow) -> bool:
    """Return whether it serves, and others drain for it."""
    serves = host.role == Role.SERVING and not host.planned
    return serves and any(each.role == Role.DRAINING for each in ledger.hosts())


def _follows(ledger: Ledger, host: HostRow) -> bool:
    """Return whether one drains that served before it; a later one: it was taken back itself."""
    drains = (each.generation for each in ledger.hosts() if each.role == Role.DRAINING)
    return any(generation < host.generation for generation in drains)


def end_drains(clients: Clients, ledger: Ledger, host: HostRow, error: OrchestratorError) -> bool:
    """Fail the wait for the predecessors of a host that serves no more.

    Return whether that reached a workflow, which takes one of them back.
    """
    if host.role != Role.SERVING or host.planned:
        return False
    draining = {each.generation for each in ledger.hosts() if each.role == Role.DRAINING}
    tokens = {wait.token for wait in ledger.waits() if wait.generation in draining}
    name, cause = type(error).__name__, str(error)
    fail = partial(task_tokens.fail, clients, error=name, cause=cause)
    answered = [task_tokens.reached(partial(fail, token)) for token in sorted(tokens)]
    return any(answered)


def _is_in_doubt(ledger: Ledger, host: HostRow) -> bool:
    heard_at = host.phase_at or host.launched_at
    lasting = _REPORTS * (host.report_seconds or _REPORT_SECONDS)
    is_heard = heard_at is not None and ledger.seconds_since(heard_at) < lasting
    return host.phase != "serving" or not is_heard
