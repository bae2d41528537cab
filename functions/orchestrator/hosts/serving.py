"""Wait for the host without polling it: its reports arrive as events and answer a task token."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code, tolerating
from orchestrator.errors import NotFound, Pending, Superseded
from orchestrator.hosts import probe
from orchestrator.hosts.reports import Report
from orchestrator.ledger.store import AWAIT, DEPLOYMENT, Ledger
from orchestrator.resources import instance, keys
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.parsing import parse

_GONE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


def await_(clients: Clients, deployment: Deployment, ledger: Ledger, task_token: str) -> None:
    """Keep the task token; the host's next report answers it, perhaps its last one already did.

    HostLost and Superseded: the instance was lost, or a teardown began, before the token was kept.
    """
    row = ledger.deployment()
    ledger.write(AWAIT, {"token": task_token, "instance_id": row["instance_id"]})
    instance.must_not_be_lost(clients, row["instance_id"])  # its event may have come before our row
    if ledger.deployment()["desired"] != "present":  # that teardown found no token to fail
        raise Superseded(f"{ledger.name!r} is being torn down; this workflow stops")
    if row.get("phase") in ("serving", "failed"):
        report = Report(ledger.name, row["instance_id"], row["phase"], None, row.get("phase_cause"))
        _answer(clients, deployment, ledger, report, task_token)


def receive(clients: Clients, ledger: Ledger, report: Report) -> str:
    """Record a report and answer the waiting workflow; return what was done, in one word.

    A report of an instance that is not the current one is ignored, it may be a ghost; so is one
    that a newer one has overtaken.
    """
    row = ledger.read(DEPLOYMENT)
    if row is None:
        raise NotFound(f"no deployment is named {report.deployment!r}")
    facts = {
        "phase": report.phase,
        "phase_percent": report.percent,
        "phase_cause": report.cause,
        "phase_at": ledger.time(),
        "warnings": "\n".join(report.warnings) or None,
        "reported_at": report.sent_at or ledger.time(),
    }
    newest = "(attribute_not_exists(reported_at) OR reported_at <= :sent)"
    if not ledger.change(
        DEPLOYMENT,
        facts,
        f"instance_id = :reporter AND {newest}",
        reporter=report.instance_id,
        sent=facts["reported_at"],
    ):
        return "ignored"
    if row.get("phase") != report.phase:
        because = f": {report.cause}" if report.cause else ""
        ledger.note("phase", f"{report.phase}{because}", instance_id=report.instance_id)
    waiting = ledger.read(AWAIT)
    if not waiting or waiting["instance_id"] != report.instance_id:
        return "recorded"
    return _answer(clients, parse(json.loads(row["spec"])), ledger, report, waiting["token"])


def stop_waiting(clients: Clients, task_token: str) -> None:
    """Fail a workflow that waits for its host: the deployment is not wanted any more."""
    with tolerating(*_GONE):
        clients.sfn.send_task_failure(
            taskToken=task_token,
            error="Superseded",
            cause="the deployment is being torn down; this workflow stops",
        )


def is_awaited(ledger: Ledger, instance_id: str) -> bool:
    """Return whether a workflow waits for this host, or did when it was stopped."""
    waiting = ledger.read(AWAIT)
    return bool(waiting and waiting["instance_id"] == instance_id)


def lose(clients: Clients, ledger: Ledger, instance_id: str, cause: str) -> bool:
    """Fail the wait for a host that EC2 reports lost; return whether that reached a workflow."""
    waiting = ledger.read(AWAIT)
    if not waiting or waiting["instance_id"] != instance_id:
        return False
    try:
        clients.sfn.send_task_failure(taskToken=waiting["token"], error="HostLost", cause=cause)
    except ClientError as error:
        if code(error) not in _GONE:
            raise
        return False  # that workflow ended meanwhile
    return True


def _answer(
    clients: Clients, deployment: Deployment, ledger: Ledger, report: Report, task_token: str
) -> str:
    try:
        return _tell(clients, deployment, ledger, report, task_token)
    except ClientError as error:
        if code(error) not in _GONE:
            raise
        ledger.discard(AWAIT, "token", task_token)  # that workflow ended meanwhile
        return "recorded"


def _tell(
    clients: Clients, deployment: Deployment, ledger: Ledger, report: Report, task_token: str
) -> str:
    if report.phase == "failed":
        cause = report.cause or "the host gave no cause; read its log with Session Manager"
        clients.sfn.send_task_failure(taskToken=task_token, error="HostFailed", cause=cause)
        return "failed"
    if report.phase == "serving":
        return _answer_serving(clients, deployment, ledger, task_token)
    clients.sfn.send_task_heartbeat(taskToken=task_token)
    return "waiting"


def _answer_serving(
    clients: Clients, deployment: Deployment, ledger: Ledger, task_token: str
) -> str:
    """Believe it after a look from outside; Pending makes the workflow wait and look again."""
    try:
        served = _probe(clients, deployment, ledger)
    except Pending as unreachable:
        clients.sfn.send_task_failure(taskToken=task_token, error="Pending", cause=str(unreachable))
        return "unreachable"
    clients.sfn.send_task_success(taskToken=task_token, output=json.dumps(served))
    return "served"


def _probe(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Ask the endpoint from outside, as a client would; return who says that it serves.

    Where the allowed ranges shut us out, the host's own word counts (it asked through its nginx):
    a closed door is not an outage.
    """
    endpoint = ledger.deployment()["endpoint"]
    if not deployment.network.is_open:
        return {"endpoint": endpoint, "probed_from": "host"}
    if deployment.engine_kind != "none":
        probe.serves(endpoint, keys.read(clients, ledger.name))
    else:
        probe.ready(endpoint)
    return {"endpoint": endpoint, "probed_from": "outside"}
