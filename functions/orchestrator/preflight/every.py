"""All checks of one specification, as `plan` shows them and `up` obeys them."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.aws.clients import Clients
from orchestrator.capacity.model import Model
from orchestrator.errors import InvalidRequest
from orchestrator.ledger.store import Ledger
from orchestrator.preflight import authorities, delegation, model_fit, quotas, specification
from orchestrator.preflight.check import Check, Result, looked
from orchestrator.spec.deployment import Deployment


def every(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    model: Model | Check | None,
    sequences: int = 1,
    *,
    needs_two: bool = False,
) -> list[Check]:
    """Return what was looked at, and what came of it; nothing is written.

    model: as model_fit.look_up returns it. sequences: of the longest context, at the same time.
    needs_two: a change launches a host beside the one that serves.
    """

    def of_types() -> list[Check]:
        known = specification.described(clients, deployment)
        types = [each for each in known.values() if each]
        return [
            *specification.checks(clients, deployment, known),
            *quotas.checks(clients, deployment, ledger, types, needs_two=needs_two),
            *model_fit.checks(clients, deployment, types, model, sequences),
        ]

    return [
        *looked("instance.type", of_types),
        *looked("dns.domain delegation", lambda: delegation.checks(clients, deployment)),
        *authorities.checks(clients, deployment),
    ]


def must_pass(checks: Iterable[Check]) -> None:
    """Raise InvalidRequest with a line per check that failed."""
    problems = [str(check) for check in checks if check.result is Result.FAIL]
    if problems:
        raise InvalidRequest("\n".join(problems))
