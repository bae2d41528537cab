"""A deployment's row from the first request to the tombstone."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.creation.plan import Change
from orchestrator.deployments import inventory, preflight
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.errors import DeploymentExists, NotFound
from orchestrator.ledger.attributes import Row
from orchestrator.ledger.store import AWAIT, DEPLOYMENT, LOCK, Ledger
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.difference import differences

_TIMEOUT = "a step took longer than its limit; start again, nothing is made twice"
_UNKNOWN_YET = (
    "served_instance", "instance_id", "address", "endpoint", "served_at",
    "phase", "phase_percent", "phase_cause", "phase_at", "reported_at",
    "warnings",
)  # fmt: skip


def validate(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, Any]:
    """Return {"name", "live"}; raise before anything is created.

    InvalidRequest: AWS lacks what is specified. DeploymentExists: a live one differs from it.
    ResourceConflict: the name is in use by another installation, or by foreign resources.
    """
    row = ledger.read(DEPLOYMENT)
    live = is_live(row)
    if row and live and json.loads(row["spec"]) != deployment.document():
        raise DeploymentExists(
            f"{ledger.name!r} is live with another specification; changed: "
            f"{', '.join(differences(json.loads(row['spec']), deployment.document()))}. "
            f"Take it down first (lamplighter down {ledger.name}), then up again"
        )
    preflight.check(clients, deployment)
    inventory.must_be_free(clients, deployment, ledger)
    return {"name": deployment.name, "live": live}


def begin(deployment: Deployment, ledger: Ledger) -> None:
    """Write down that the deployment is wanted, and how; nothing of a failed host is used again."""
    row = ledger.read(DEPLOYMENT) or {"generation": 0, "status": "absent"}
    live, gone = is_live(row), row["status"] == "absent"
    spec = json.dumps(deployment.document(), sort_keys=True)
    another = gone or _is_spoilt(row, spec)
    ledger.record(
        spec=spec,
        desired="present",
        status=row["status"] if live else "provisioning",
        generation=row["generation"] + 1 if another else row["generation"],
        execution=ledger.owner,
        reason=None,
        **(dict.fromkeys(_UNKNOWN_YET) if gone else {}),
    )
    if not live:
        ledger.note("provision", "provisioning started")


def _is_spoilt(row: Row, spec: str) -> bool:
    """Return whether the instance of an earlier attempt is of no use: its host gave up or never
    reported, or it was launched for another specification. A new attempt needs a new generation.
    """
    gave_up = row.get("phase") == "failed" or row.get("reason", "").startswith("HostSilent")
    return row["status"] == "failed" and (gave_up or row.get("spec") != spec)


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    """Return what a provision would do; raises like `validate`."""
    validate(clients, deployment, ledger)
    changes = [r.plan(clients, deployment, ledger) for r in RESOURCES]
    return [change for some in changes for change in some]


def record_serving(ledger: Ledger, probed_from: str) -> dict[str, Any]:
    """Write down that the endpoint serves; return what the operator wants to know.

    probed_from: outside, or host where the allowed ranges shut our probe out.
    """
    ledger.erase(AWAIT)
    row = ledger.deployment()
    changed = not (row["status"] == "serving" and row.get("served_instance") == row["instance_id"])
    if changed:
        ledger.record(
            status="serving",
            served_at=ledger.time(),
            served_instance=row["instance_id"],
            execution=ledger.owner,
            reason=None,
        )
        ledger.note("serving", f"{row['endpoint']} answers", instance_id=row["instance_id"])
    return {
        "name": ledger.name,
        "endpoint": row["endpoint"],
        "instance_id": row["instance_id"],
        "generation": row["generation"],
        "changed": changed,
        "probed_from": probed_from,
    }


def record_failure(ledger: Ledger, workflow: str, error: str, cause: str) -> dict[str, Any]:
    """Write down why a workflow failed; return {"error", "cause", "rollback"}.

    cause becomes one sentence. rollback: what this first provision made is to be torn down again;
    never for a deployment that has served, nor by a workflow that another one superseded. A
    workflow without the lock changes no row.
    """
    reason = _TIMEOUT if error == "States.Timeout" else sentence(cause)
    row = ledger.read(DEPLOYMENT)
    if row is None or (ledger.read(LOCK) or {}).get("owner") != ledger.owner:
        return {"error": error, "cause": reason, "rollback": False}
    never_served = workflow == "provision" and "served_at" not in row
    asked_for = json.loads(row["spec"]).get("on_failure") == "rollback" and error != "Superseded"
    if never_served and not asked_for and row["desired"] == "present":  # else a teardown removes it
        reason += _kept(ledger)
    ledger.erase(AWAIT)
    ledger.record(status="failed", reason=f"{error}: {reason}", execution=ledger.owner)
    ledger.note(workflow, f"{workflow} failed: {error}: {reason}")
    return {"error": error, "cause": reason, "rollback": never_served and asked_for}


def _kept(ledger: Ledger) -> str:
    """Say what a failed provision leaves behind, and how to get rid of it."""
    kept = [
        f"{row['sk'].removeprefix('resource#')} {row['id']}"
        for row in ledger.rows()
        if row["sk"].startswith("resource#") and "id" in row
    ]
    if not kept:
        return ""
    return f" (kept: {', '.join(kept)}; `lamplighter down {ledger.name}` removes them)"


def retire(ledger: Ledger) -> str | None:
    """Write down that the deployment is not wanted any more, lock or not.

    Return the task token of a workflow that waits for its host, so that it can be stopped.
    """
    facts = {"desired": "absent", "updated_at": ledger.time()}
    if not ledger.change(DEPLOYMENT, facts, "attribute_exists(pk)"):
        raise NotFound(f"no deployment is named {ledger.name!r}: there is nothing to tear down")
    waiting = ledger.read(AWAIT)
    return str(waiting["token"]) if waiting else None


def start_teardown(ledger: Ledger) -> None:
    """Under the lock: the status that `lamplighter status` shows while resources go."""
    ledger.record(status="tearing-down", desired="absent", execution=ledger.owner)
    ledger.note("teardown", "teardown started")


def end_teardown(ledger: Ledger) -> dict[str, Any]:
    """Leave the tombstone: name and generation, so that no token is ever used twice."""
    for row in ledger.rows():
        if row["sk"].startswith("resource#") or row["sk"] == AWAIT:
            ledger.erase(row["sk"])
    ledger.record(status="absent", desired="absent", **dict.fromkeys([*_UNKNOWN_YET, "reason"]))
    ledger.note("teardown", "0 resources left")
    return {"name": ledger.name, "left": 0}


def is_live(row: Row | None) -> bool:
    """Return whether the deployment serves, or did and is being repaired."""
    return bool(row and row.get("desired") == "present" and "served_at" in row)


def sentence(cause: str) -> str:
    """Return the message inside a Lambda error document, or the text as it is."""
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    if isinstance(document, dict):
        return str(document.get("errorMessage") or document.get("Cause") or cause)
    return cause
