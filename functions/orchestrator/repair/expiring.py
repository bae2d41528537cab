"""The end of a deployment that is to last so long: announced a day before, then torn down."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.aws.clients import Clients
from orchestrator.deployments import expiry
from orchestrator.ledger.rows import DeploymentRow, Desired
from orchestrator.ledger.store import Ledger
from orchestrator.notices import texts
from orchestrator.notices.sending import send
from orchestrator.repair import starting

ANNOUNCED = timedelta(days=1)  # before its end


def look(clients: Clients, ledger: Ledger, row: DeploymentRow) -> str | None:
    """Announce the end where it is near, start the teardown where it has come.

    Return what was done, None where the deployment lives on.
    """
    ends = expiry.moment(row)
    if ends is None or row.desired == Desired.ABSENT or ledger.now() < ends - ANNOUNCED:
        return None
    is_over = ledger.now() >= ends
    name = _torn_down(clients, ledger) if is_over else ""
    send(
        clients, ledger, texts.expiry(clients.settings, ledger.name, _stamp(ends), is_over=is_over)
    )
    return f"started {name}: it has expired" if is_over else None


def _torn_down(clients: Clients, ledger: Ledger) -> str:
    """Start the teardown, once an hour should it not begin; return its name."""
    return starting.start(clients, ledger, starting.TEARDOWN, f"expired-{ledger.now():%Y%m%dT%H}")


def _stamp(moment: datetime) -> str:
    return moment.isoformat()
