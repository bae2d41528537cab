"""What `lamplighter plan` shows: changes, checks, cost, and how long the first boot takes."""

from __future__ import annotations

from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.capacity import cost
from orchestrator.capacity.pools import pools
from orchestrator.creation.plan import Change
from orchestrator.deployments import change, first_boot, inventory
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.errors import InvalidRequest, ResourceConflict
from orchestrator.ledger.store import Ledger
from orchestrator.masking import shown
from orchestrator.preflight import model_fit
from orchestrator.preflight.check import Check, Result
from orchestrator.preflight.every import every
from orchestrator.spec.deployment import Deployment


def plan(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    config: object = None,
    sequences: object = 1,
    *,
    rotate: bool = False,
) -> dict[str, Any]:
    """Return {"changes", "checks", "cost", "first_boot", "change"}; nothing is written.

    change: what differs from what serves, and how it is made; None where nothing does.

    A check that fails is in the answer, not raised: the rest of it can be read, too.
    config: the model's config.json, where the operator gave it. sequences: how many of the longest
    context are to fit at the same time.
    InvalidRequest: config or sequences are not what they are to be. DeploymentExists: a live one
    differs in what cannot be changed.
    """
    if config is not None and not isinstance(config, dict):
        raise InvalidRequest("model_config: must be a mapping: the model's config.json")
    if not isinstance(sequences, int) or sequences < 1:
        raise InvalidRequest(f"sequences: {shown(sequences)} is no whole number from 1")
    wanted = change.judged(ledger.known_deployment(), deployment, rotate=rotate)
    model = model_fit.look_up(clients, deployment, config)
    boot = first_boot.expected(deployment, ledger, model)
    wanted = wanted.with_boot(**boot) if wanted else None
    needs_two = bool(wanted and wanted.new_host and not wanted.replaces)
    checks = [
        *every(clients, deployment, ledger, model, sequences, needs_two=needs_two),
        *_names(clients, deployment, ledger),
    ]
    can_work = all(check.result is not Result.FAIL for check in checks)
    return {
        "changes": [
            *_changes(clients, deployment, ledger, can_work=can_work),
            *(_new_host(ledger, wanted) if wanted and wanted.new_host else ()),
        ],
        "checks": [check.document() for check in checks],
        "cost": _cost(clients, deployment, can_work=can_work),
        "first_boot": boot,
        "change": wanted.document() if wanted else None,
    }


def _new_host(ledger: Ledger, wanted: change.Change) -> list[dict[str, str]]:
    row = ledger.deployment()
    old = f"generation {row.generation}"
    what = f"a host of a new generation beside {old}, which ends after it"
    if wanted.replaces:
        what = f"a host of a new generation, after {old} has ended"
    return [Change("instance", "create", what, str(wanted)).document()]


def _names(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Check]:
    """What has the deployment's name already and is not ours; records of the DNS name, too."""
    try:
        inventory.must_be_free(clients, deployment, ledger)
    except ResourceConflict as error:
        found, _, remedy = str(error).partition("; ")
        return [Check("ownership", Result.FAIL, found, remedy=remedy)]
    except InvalidRequest:
        return []  # a domain without a zone: a check of its own
    return [Check("ownership", Result.PASS, "every name is free, or ours")]


def _changes(
    clients: Clients, deployment: Deployment, ledger: Ledger, *, can_work: bool
) -> list[dict[str, str]]:
    """Where a check has failed, what cannot be compared is left out."""
    changes = []
    for resource in RESOURCES:
        try:
            changes += resource.plan(clients, deployment, ledger)
        except (InvalidRequest, ResourceConflict):
            if can_work:
                raise
    return [change.document() for change in changes]


def _cost(clients: Clients, deployment: Deployment, *, can_work: bool) -> dict[str, Any] | None:
    try:
        return cost.table(clients, deployment, pools(clients, deployment.instance))
    except InvalidRequest:  # of a reservation
        if can_work:
            raise
        return None
