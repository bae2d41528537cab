"""Wait for the host without polling it: its reports arrive as events and answer a task token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from orchestrator import probe
from orchestrator.aws_errors import code, tolerating
from orchestrator.deployment import Deployment
from orchestrator.errors import InvalidRequest, NotFound, Pending
from orchestrator.ledger import AWAIT, DEPLOYMENT, Ledger
from orchestrator.resources import keys

if TYPE_CHECKING:
    from orchestrator.clients import Clients

PHASES = (
    *("booting", "drivers", "images", "weights", "loading", "serving", "unhealthy", "failed"),
)
_GONE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
_MAX_CAUSE = 1_000  # characters of a host's cause, and of each warning, that we keep
_MAX_WARNINGS = 10


@dataclass(frozen=True, slots=True)
class Report:
    """What a host says about itself. percent: 0 to 100 of the phase, or None; sent_at: UTC, ISO.

    warnings: what its operator should know although it may serve; sentences with their remedies.
    The gateway's counts that a host sends too (tests/contracts/host_report.json) are not kept yet.
    """

    deployment: str
    instance_id: str
    phase: str
    percent: float | None
    cause: str | None
    sent_at: str | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Raise InvalidRequest for anything that is not a host report."""
        detail = event.get("detail") if isinstance(event, dict) else None
        if not isinstance(detail, dict):
            raise InvalidRequest("detail: missing; a host report has one")
        for key in ("deployment", "instance_id", "phase"):
            if not isinstance(detail.get(key), str) or not detail[key]:
                raise InvalidRequest(f"detail.{key}: missing or not a string")
        if detail["phase"] not in PHASES:
            raise InvalidRequest(f"detail.phase: {detail['phase']!r}; allowed: {', '.join(PHASES)}")
        percent, cause = detail.get("percent"), detail.get("cause")
        if percent is not None and (
            isinstance(percent, bool) or not isinstance(percent, int | float)
        ):
            raise InvalidRequest(f"detail.percent: {percent!r} is no number")
        text = None if cause is None else str(cause)[:_MAX_CAUSE]
        sent = _utc(detail["sent_at"]) if "sent_at" in detail else None
        who = (detail["deployment"], detail["instance_id"], detail["phase"])
        return cls(*who, percent, text, sent, _warnings(detail.get("warnings", [])))


def _warnings(told: Any) -> tuple[str, ...]:
    if not isinstance(told, list):
        raise InvalidRequest(f"detail.warnings: {str(told)[:100]!r} is no list")
    return tuple(" ".join(str(each).split())[:_MAX_CAUSE] for each in told[:_MAX_WARNINGS])


def _utc(time: Any) -> str:
    """Return an ISO-8601 time as the ledger writes times, so that two of them compare as text."""
    try:
        return datetime.fromisoformat(time).astimezone(UTC).isoformat(timespec="microseconds")
    except (TypeError, ValueError):
        raise InvalidRequest(f"detail.sent_at: {time!r} is no ISO-8601 time") from None


def await_(clients: Clients, ledger: Ledger, task_token: str) -> None:
    """Keep the task token; the host's next report answers it, perhaps its last one already did."""
    row = ledger.deployment()
    ledger.write(AWAIT, {"token": task_token, "instance_id": row["instance_id"]})
    if row.get("phase") in ("serving", "failed"):
        report = Report(ledger.name, row["instance_id"], row["phase"], None, row.get("phase_cause"))
        _answer(clients, ledger, report)


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
    return _answer(clients, ledger, report)


def stop_waiting(clients: Clients, task_token: str) -> None:
    """Fail a workflow that waits for its host: the deployment is not wanted any more."""
    with tolerating(*_GONE):
        clients.sfn.send_task_failure(
            taskToken=task_token,
            error="Superseded",
            cause="the deployment is being torn down; this workflow stops",
        )


def _answer(clients: Clients, ledger: Ledger, report: Report) -> str:
    waiting = ledger.read(AWAIT)
    if not waiting or waiting["instance_id"] != report.instance_id:
        return "recorded"
    try:
        return _tell(clients, ledger, report, waiting["token"])
    except ClientError as error:
        if code(error) not in _GONE:
            raise
        ledger.discard(AWAIT, "token", waiting["token"])  # that workflow ended meanwhile
        return "recorded"


def _tell(clients: Clients, ledger: Ledger, report: Report, task_token: str) -> str:
    if report.phase == "failed":
        cause = report.cause or "the host gave no cause; read its log with Session Manager"
        clients.sfn.send_task_failure(taskToken=task_token, error="HostFailed", cause=cause)
        return "failed"
    if report.phase == "serving":
        return _answer_serving(clients, ledger, task_token)
    clients.sfn.send_task_heartbeat(taskToken=task_token)
    return "waiting"


def _answer_serving(clients: Clients, ledger: Ledger, task_token: str) -> str:
    """Believe it after a look from outside; Pending makes the workflow wait and look again."""
    try:
        served = _probe(clients, ledger)
    except Pending as unreachable:
        clients.sfn.send_task_failure(taskToken=task_token, error="Pending", cause=str(unreachable))
        return "unreachable"
    clients.sfn.send_task_success(taskToken=task_token, output=json.dumps(served))
    return "served"


def _probe(clients: Clients, ledger: Ledger) -> dict[str, str]:
    """Ask the endpoint from outside, as a client would; return who says that it serves.

    Where the allowed ranges shut us out, the host's own word counts (it asked through its nginx):
    a closed door is not an outage.
    """
    row = ledger.deployment()
    deployment = Deployment.parse(json.loads(row["spec"]))
    endpoint = row["endpoint"]
    if not deployment.network.is_open:
        return {"endpoint": endpoint, "probed_from": "host"}
    if deployment.engine_kind != "none":
        probe.serves(endpoint, keys.read(clients, ledger.name))
    else:
        probe.ready(endpoint)
    return {"endpoint": endpoint, "probed_from": "outside"}
