"""Wait for a host without polling it: its reports arrive as events and answer a task token."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.aws.clients import Clients
from orchestrator.errors import HostLost, NotFound, OrchestratorError, Pending, Superseded
from orchestrator.hosts import draining, error_rate, proof, successor, task_tokens
from orchestrator.hosts.reports import Report
from orchestrator.launch import instances
from orchestrator.ledger.rows import AwaitRow, Desired, HostRow, Role
from orchestrator.ledger.store import Ledger
from orchestrator.resources import instance
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.parsing import parse

_CLOCKS_DIFFER = timedelta(minutes=1)  # a host's from ours, at most
# From the order of a reboot until nothing of the old boot runs, and what that may still say.
_GOING_DOWN_SECONDS = 30.0
_UNWELL = {"unhealthy", "failed"}
_OF_THE_OLD_BOOT = {"serving", "unhealthy", "failed", "draining", "drained"}


def await_(
    clients: Clients, deployment: Deployment, ledger: Ledger, generation: int, task_token: str
) -> None:
    """Keep the task token; the host's next report answers it, perhaps its last one already did.

    HostLost, Refused and Superseded: the host was lost, or a teardown began, before that.
    """
    host = ledger.host(generation)
    if host is None or host.instance_id is None:
        raise HostLost(f"generation {generation} of {ledger.name!r} was not launched")
    wait = AwaitRow(token=task_token, instance_id=host.instance_id, generation=generation)
    ledger.keep_wait(wait)
    if error := instances.lost(clients, host.instance_id):  # its event may have come before our row
        raise error
    _must_be_wanted(ledger)
    heard = ledger.host(generation) or host  # a report may have come before our row, too
    if heard.phase in ("serving", "failed"):
        _answer(clients, deployment, ledger, heard, wait)


def await_capacity(ledger: Ledger, generation: int, task_token: str) -> None:
    """Keep the task token of a workflow that waits before it asks the pools again.

    Nothing answers it: the workflow goes on when its time is over. A teardown ends it (Superseded).
    """
    ledger.keep_wait(AwaitRow(token=task_token, generation=generation))
    _must_be_wanted(ledger)


def prove_service(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Pending until the endpoint answers, asked as a client asks; return {"probed_from"}."""
    row, is_open = ledger.deployment(), deployment.is_open
    if not proof.answers(ledger, row, clients.settings, is_open=is_open):
        raise Pending(f"{row.endpoint} does not answer yet")
    return {"probed_from": "outside" if is_open else "host"}


def receive(clients: Clients, ledger: Ledger, report: Report) -> str:
    """Record a report and answer the workflow that waits for it; return what was done, in words.

    A report counts for the host that sent it. One of a host that has ended, or is unknown, is
    ignored; so is one that a newer one has overtaken, and one under the shared source about a host
    with a role of its own: a host of another deployment may have forged it.
    """
    row = ledger.known_deployment()
    if row is None:
        raise NotFound(f"no deployment is named {report.deployment!r}")
    before = ledger.host_of(report.instance_id)
    if before is None or not _counts(clients, ledger, before, report):
        return "ignored"
    if not _record(ledger, before, report) and not (
        ledger.adopt_earlier_host() and _record(ledger, before, report)
    ):
        return "ignored"
    if before.phase != report.phase:
        because = f": {report.cause}" if report.cause else ""
        ledger.note("phase", f"{report.phase}{because}", instance_id=report.instance_id)
    host, wait = ledger.host_of(report.instance_id) or before, ledger.wait_for(report.instance_id)
    is_in_doubt = report.phase in _UNWELL or error_rate.is_judged(host)
    is_successor = is_in_doubt and successor.has_predecessors(ledger, host)
    if wait is not None or is_successor:
        owner = ledger.lock_owner() if row.next_spec else None
        deployment = parse(row.specification_for(owner or ""))
        if is_successor and _ended_drains(clients, deployment, ledger):
            return "taken back"
        if wait is not None:
            return _answer(clients, deployment, ledger, host, wait)
    gave_up = before.role == Role.SERVING and report.phase == "failed" != before.phase
    return "gave up" if gave_up else "recorded"  # for the first time


def stop_waiting(clients: Clients, task_token: str, now: str = "being torn down") -> None:
    """Fail a workflow that waits for a host. now: what is done to the deployment instead."""
    _fail(clients, task_token, Superseded(f"the deployment is {now}; this workflow stops"))


def lose(clients: Clients, ledger: Ledger, instance_id: str, cause: str) -> bool:
    """Answer the wait for a host that EC2 reports lost; return whether that reached a workflow."""
    host, wait = ledger.host_of(instance_id), ledger.wait_for(instance_id)
    if host is None:
        return False
    error = instances.lost(clients, instance_id)
    if error and successor.end_drains(clients, ledger, host, error):
        return True
    if wait is None:
        return False
    if draining.drains(host):
        return task_tokens.reached(lambda: draining.answer(clients, ledger, wait.token))
    return _fail(clients, wait.token, error or HostLost(cause))


def _must_be_wanted(ledger: Ledger) -> None:
    """Raise Superseded where a teardown or a stop began, which found no token to fail."""
    now = ledger.deployment().desired
    if now != Desired.PRESENT:
        raise Superseded(f"{ledger.name!r} is {now.now}; this workflow stops")


def _counts(clients: Clients, ledger: Ledger, host: HostRow, report: Report) -> bool:
    if host.role == Role.RETIRED:
        return False
    return not report.is_shared or instance.has_shared_role(clients, ledger, host.generation)


def _record(ledger: Ledger, host: HostRow, report: Report) -> bool:
    """Keep what a host said, unless it has said something newer."""
    latest = (ledger.now() + _CLOCKS_DIFFER).isoformat(timespec="microseconds")
    sent = min(report.sent_at or ledger.time(), latest)  # else it would silence all later reports
    facts = {
        "phase": report.phase,
        "percent": report.percent,
        "cause": report.cause,
        "phase_at": ledger.time(),
        "warnings": report.warnings or None,
        "reported_at": sent,
        "report_seconds": report.report_seconds,
        "blame": report.blame,
        "running": report.running,
        "release": report.release,
        "unwell_at": None if report.phase == "serving" else host.unwell_at or ledger.time(),
    }
    if host.planned and report.phase not in _OF_THE_OLD_BOOT:  # it boots again
        facts |= {"planned": None, "planned_at": None}
    if report.requests is not None:
        facts |= {"requests": report.requests, "errors": report.errors or 0}
    if report.last_request_at is not None:  # a gateway that has just started knows of none
        facts |= {"last_request_at": report.last_request_at}
    newest = "attribute_not_exists(reported_at) OR reported_at <= :sent"
    return ledger.change(host.key, facts, f"attribute_exists(pk) AND ({newest})", sent=sent)


def _ended_drains(clients: Clients, deployment: Deployment, ledger: Ledger) -> bool:
    """Fail the wait for predecessors whose successor serves no more; return whether it was so."""
    host = ledger.serving()
    if host is None or not successor.has_predecessors(ledger, host):
        return False
    error = successor.fault(clients, deployment, ledger)
    return error is not None and successor.end_drains(clients, ledger, host, error)


def _answer(
    clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow, wait: AwaitRow
) -> str:
    done: list[str] = []
    if task_tokens.reached(
        lambda: done.append(_tell(clients, deployment, ledger, host, wait.token))
    ):
        return done[0]
    ledger.discard(wait.key, "token", wait.token)  # that workflow ended meanwhile
    return "recorded"


def _tell(
    clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow, task_token: str
) -> str:
    if draining.drains(host):
        if _ended_drains(clients, deployment, ledger):
            return "taken back"
        return "drained" if draining.answer(clients, ledger, task_token) else "waiting"
    if host.planned and ledger.seconds_since(host.planned_at or "") < _GOING_DOWN_SECONDS:
        task_tokens.beat(clients, task_token)  # said before its reboot
        return "waiting"
    if host.phase == "failed":
        cause = host.cause or "the host gave no cause; read its log with Session Manager"
        task_tokens.fail(clients, task_token, "HostFailed", cause)
        return "failed"
    if host.phase == "serving":
        return _answer_serving(clients, deployment, ledger, host, task_token)
    task_tokens.beat(clients, task_token)
    return "waiting"


def _answer_serving(
    clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow, task_token: str
) -> str:
    """Believe it after a look from outside; Pending makes the workflow wait and look again."""
    try:
        probed_from = proof.prove(clients, deployment, ledger, host)
    except Pending as unreachable:
        task_tokens.fail(clients, task_token, "Pending", str(unreachable))
        return "unreachable"
    task_tokens.succeed(clients, task_token, {"probed_from": probed_from})
    return "served"


def _fail(clients: Clients, task_token: str, error: OrchestratorError) -> bool:
    """Fail the wait; return whether that reached a workflow."""
    name = type(error).__name__
    return task_tokens.reached(lambda: task_tokens.fail(clients, task_token, name, str(error)))
