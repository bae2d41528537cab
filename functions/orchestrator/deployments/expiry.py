"""When a deployment is torn down by itself: so long after its first `up`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from orchestrator.errors import InvalidRequest
from orchestrator.ledger.rows import DeploymentRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_UNITS = {"d": "days", "h": "hours"}


def moment(row: DeploymentRow) -> datetime | None:
    """Return when the deployment expires; None where it does not, or its row is of another form."""
    return _moment(row.specification().get("expires_after"), row.began_at)


def must_be_ahead(deployment: Deployment, ledger: Ledger) -> None:
    """Raise InvalidRequest where the deployment would be torn down at once."""
    row = ledger.known_deployment()
    ends = _moment(deployment.expires_after, row.began_at) if row else None
    if ends and ends <= ledger.now():
        was = f"{ends:%Y-%m-%d %H:%M} UTC"
        raise InvalidRequest(
            f"expires_after: {deployment.expires_after} after its first `up` was {was}; give it "
            f"longer, leave the key out, or run `lamplighter down {ledger.name}`"
        )


def _moment(lasting: object, began_at: str | None) -> datetime | None:
    found = re.fullmatch(r"([0-9]{1,4})([dh])", lasting) if isinstance(lasting, str) else None
    if found is None or began_at is None:
        return None
    return datetime.fromisoformat(began_at) + timedelta(**{_UNITS[found[2]]: int(found[1])})
