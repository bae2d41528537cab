"""A deployment's row from the first request to the tombstone."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.capacity.spending.forgetting import forget
from orchestrator.deployments import change, expiry, inventory, starts, stopping
from orchestrator.errors import (
    NotFound,
    Superseded,
    sentence,
)
from orchestrator.hosts import draining, proof
from orchestrator.ledger.rows import (
    AWAIT,
    CAPACITY,
    DEPLOYMENT,
    EARLIER_HOST,
    HOSTS,
    NOTICES,
    SPECS,
    STOP,
    VERSION,
    WAITING,
    WAITS,
    DeploymentRow,
    Desired,
    Role,
    Status,
)
from orchestrator.ledger.rows import (
    RESOURCES as RESOURCE_ROWS,
)
from orchestrator.ledger.store import NO_CHANGE, Ledger
from orchestrator.preflight import model_fit
from orchestrator.preflight.every import every, must_pass
from orchestrator.schedules import due
from orchestrator.settings import Settings
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.difference import digest
from orchestrator.spec.request import Request

_TIMEOUT = "a step took longer than its limit; start again, nothing is made twice"
_ROLLED_BACK = " (rolled back: 0 resources left)"
_AS_ASKED = Request()
_UNKNOWN_YET = (
    *("began_at", "address", "endpoint", "served_at", "reason", "unanswered_at", "stopped_at"),
    "stopped_by",
    *("paused_at", "paused_until", "paused_why", "asked_by", *NO_CHANGE),
    *("asleep_at", "asleep_by", "starting_at", "start_seconds", "rotated_at"),
)


def validate(
    clients: Clients, deployment: Deployment, ledger: Ledger, request: Request = _AS_ASKED
) -> dict[str, Any]:
    """Return {"name", "live"}; raise before anything is created.

    InvalidRequest: a check failed. DeploymentExists: a live one differs in what cannot be changed.
    ResourceConflict: the name is in use by another installation, or by foreign resources.
    """
    row = ledger.known_deployment()
    wanted = change.judged(row, deployment, rotate=request.rotate)
    expiry.must_be_ahead(deployment, ledger)
    model = model_fit.look_up(clients, deployment)
    needs_two = bool(wanted and wanted.new_host and not wanted.replaces)
    must_pass(every(clients, deployment, ledger, model, needs_two=needs_two))
    inventory.must_be_free(clients, deployment, ledger)
    return {"name": deployment.name, "live": row is not None and row.is_live}


def begin(deployment: Deployment, ledger: Ledger, request: Request = _AS_ASKED) -> dict[str, Any]:
    """Write down that the deployment is wanted, and how; nothing of a failed host is used again.

    Return {"stopped", "replaces", "generation", "drain_seconds"}: whether its host was stopped with
    it, and is to be started; or is to end before the new one of a change is launched.

    What serves keeps its specification until a host of the new one serves. DeploymentExists: what
    serves by now, after the wait for the lock, differs in what cannot be changed.
    """
    row = ledger.known_deployment() or DeploymentRow(status=Status.ABSENT)
    gone = row.status == Status.ABSENT
    spec = json.dumps(deployment.document(), sort_keys=True)
    wanted = change.judged(row, deployment, rotate=request.rotate)
    if not row.is_live:
        _give_up_spoilt_hosts(ledger, row, deployment)
    asked_by = request.asked_by or ledger.owner.rpartition(":")[2]
    facts: dict[str, Any] = {**NO_CHANGE, "spec": spec}
    if wanted:
        facts = {"next_spec": spec, "next_execution": ledger.owner, "next_host": wanted.new_host}
    if wanted or not row.is_live:
        facts["asked_by"] = asked_by
    ledger.record(
        desired=Desired.PRESENT,
        status=row.status if row.is_live else Status.PROVISIONING,
        execution=ledger.owner,
        **{
            **(_forgotten(ledger, row) if gone else {"reason": None}),
            **({} if row.began_at and not gone else {"began_at": ledger.time()}),
            **facts,
        },
    )
    has_begun = row.execution == ledger.owner and row.status == Status.PROVISIONING
    if not row.is_live and not has_begun:  # else this call's first answer was lost
        due.keep_on(ledger)
        ledger.note("provision", "provisioning started")
    elif wanted and not row.changes_by(ledger.owner):
        ledger.note("change", f"change of {wanted} started, asked for by {asked_by}")
    host = ledger.serving()
    replaces = host is not None and wanted is not None and wanted.replaces
    longest = wanted.gap_seconds if wanted else 0
    return {
        "stopped": host is not None and host.planned == STOP and not replaces,
        "replaces": replaces,
        "generation": host.generation if host else 0,
        "drain_seconds": draining.longest_request(deployment, longest),
    }


def _give_up_spoilt_hosts(ledger: Ledger, row: DeploymentRow, deployment: Deployment) -> None:
    """Retire the hosts of an earlier attempt that are of no use: the silent candidate, and all that
    were launched for another specification, what served too. A host that reported its failure is
    not used again anyway.
    """
    was_silent = (row.reason or "").startswith("HostSilent")
    is_other = digest(row.specification()) != digest(deployment.document())
    for host in ledger.hosts():
        is_candidate = host.role == Role.CANDIDATE
        if host.role != Role.RETIRED and (is_other or (was_silent and is_candidate)):
            ledger.set_host(host.generation, role=Role.RETIRED, ended_at=ledger.time())


def _forgotten(ledger: Ledger, row: DeploymentRow) -> dict[str, Any]:
    """Return what a deployment that is gone leaves: the highest number that any host got."""
    numbers = (host.generation for host in ledger.hosts())
    latest = max(row.latest_generation, row.generation, *numbers)
    return {"generation": 0, "latest_generation": latest, **dict.fromkeys(_UNKNOWN_YET)}


def record_serving(ledger: Ledger, probed_from: str) -> dict[str, Any]:
    """Write down that the endpoint serves; return what the operator wants to know.

    probed_from: outside, or host where the allowed ranges shut our probe out.
    """
    ledger.end_waits()
    row, host = ledger.deployment(), ledger.serving()
    instance_id = host.instance_id if host else None
    is_new = row.served_at is None or bool(host and (host.served_at or "") > row.served_at)
    changed = row.status != Status.SERVING or is_new
    if changed:
        ledger.record(
            status=Status.SERVING,
            served_at=ledger.time(),
            execution=ledger.owner,
            reason=None,
            stopped_by=None,
            **starts.after(row, ledger.now()),
        )
        ledger.note("serving", f"{row.endpoint} answers", instance_id=instance_id)
    return {
        "name": ledger.name,
        "endpoint": row.endpoint,
        "instance_id": instance_id,
        "generation": row.generation,
        "changed": changed,
        "probed_from": probed_from,
    }


def record_failure(
    ledger: Ledger, workflow: str, error: str, cause: str, settings: Settings
) -> dict[str, Any]:
    """Write down why a workflow failed; return {"error", "cause", "rollback"}.

    cause becomes one sentence. A deployment whose endpoint answers nevertheless stays `serving`.
    rollback: what this first provision made is to be torn down again; never for a deployment that
    has served, nor by a workflow that another one superseded. A workflow without the lock changes
    no row.
    """
    reason = _TIMEOUT if error == "States.Timeout" else sentence(cause)
    row = ledger.known_deployment()
    if row is None or ledger.lock_owner() != ledger.owner:
        return {"error": error, "cause": reason, "rollback": False}
    spec = ledger.specification()
    if row.changes_by(ledger.owner):
        if row.desired == Desired.PRESENT:
            reason += f" (the change was not made: generation {row.generation} stays as it is)"
        ledger.forget_change()
    never_served = workflow == "provision" and row.served_at is None
    asked_for = spec.get("on_failure") == "rollback" and error != "Superseded"
    if never_served and not asked_for and row.desired == Desired.PRESENT:
        reason += _kept(ledger)  # else a teardown removes it
    ledger.end_waits()
    for host in (each for each in ledger.hosts() if each.phase == WAITING):
        ledger.set_host(host.generation, phase=None, cause=None)
    status = _after_failure(ledger, row, spec, settings)
    ledger.record(status=status, reason=f"{error}: {reason}", execution=ledger.owner)
    ledger.note(workflow, f"{workflow} failed: {error}: {reason}")
    return {"error": error, "cause": reason, "rollback": never_served and asked_for}


def _after_failure(
    ledger: Ledger, row: DeploymentRow, spec: dict[str, Any], settings: Settings
) -> Status:
    if row.desired.is_halted:
        return stopping.status_after_failure(ledger)
    return Status.SERVING if _answers(ledger, row, spec, settings) else Status.FAILED


def _answers(ledger: Ledger, row: DeploymentRow, spec: dict[str, Any], settings: Settings) -> bool:
    """Return whether the endpoint answers, as the stored specification says that it may be asked.

    It is not parsed: a teardown of what an earlier version stored may fail, too.
    """
    if not row.is_live or row.status == Status.TEARING_DOWN:
        return False
    ranges = (spec.get("network") or {}).get("allowed_cidrs", ["0.0.0.0/0"])
    filters = (spec.get("gateway") or {}).get("filters") or []
    is_open = "0.0.0.0/0" in ranges and not any(
        each.get("allow") or each.get("deny") for each in filters
    )
    return proof.answers(ledger, row, settings, is_open=is_open)


def _kept(ledger: Ledger) -> str:
    """Say what a failed provision leaves behind, and how to get rid of it."""
    kept = [f"{row.kind} {row.id}" for row in ledger.resources() if row.id]
    if not kept:
        return ""
    return f" (kept: {', '.join(kept)}; `lamplighter down {ledger.name}` removes them)"


def retire(ledger: Ledger, *, force: bool = False, swept: bool = False) -> set[str]:
    """Write down that the deployment is not wanted any more, lock or not.

    force: makes the row that the ledger lost. swept: only one that is not wanted; Superseded when
    it was provisioned after `lamplighter sweep` had listed it. Return the task tokens of workflows
    that wait for a host, so that they can be stopped.
    """
    facts = {"desired": Desired.ABSENT, "updated_at": ledger.time()}
    still = " AND #desired = :desired" if swept else ""
    if not ledger.change(DEPLOYMENT, facts, f"attribute_exists(pk){still}"):
        if not force:
            raise NotFound(
                f"no deployment is named {ledger.name!r}: there is nothing to tear down; "
                f"`lamplighter down {ledger.name} --force` removes what carries its tags anyway"
            )
        lost = {**facts, "status": Status.TEARING_DOWN, "version": VERSION}
        if not ledger.change(DEPLOYMENT, lost, "attribute_not_exists(pk)") and swept:
            raise Superseded(f"{ledger.name!r} is wanted again, so nothing of it was removed")
    return {wait.token for wait in ledger.waits()}


def start_teardown(ledger: Ledger, *, swept: bool = False) -> None:
    """Under the lock: the status that `lamplighter status` shows while resources go.

    swept: Superseded when somebody provisioned it after `lamplighter sweep` had listed it.
    """
    row = ledger.known_deployment()
    if swept and row and row.desired == Desired.PRESENT:
        raise Superseded(f"{ledger.name!r} is wanted again, so nothing of it was removed")
    ledger.record(status=Status.TEARING_DOWN, desired=Desired.ABSENT, execution=ledger.owner)
    ledger.note("teardown", "teardown started")


def end_teardown(ledger: Ledger, *, rolled_back: bool = False) -> dict[str, Any]:
    """Leave the tombstone: name and generation, so that no token is ever used twice.

    rolled_back: a failed provision removes what it made; why it failed stays to be read.
    """
    row = ledger.deployment()
    gone = _forgotten(ledger, row)
    if rolled_back and row.reason:
        gone["reason"] = f"{row.reason.removesuffix(_ROLLED_BACK)}{_ROLLED_BACK}"
    forget(ledger, *(host.generation for host in ledger.hosts()))
    kinds = (RESOURCE_ROWS, HOSTS, WAITS, NOTICES, SPECS)
    ledger.erase(
        AWAIT, CAPACITY, *(row["sk"] for row in ledger.rows() if row["sk"].startswith(kinds))
    )
    ledger.record(
        status=Status.ABSENT, desired=Desired.ABSENT, **dict.fromkeys(EARLIER_HOST), **gone
    )
    ledger.note("teardown", "0 resources left")
    return {"name": ledger.name, "left": 0}
