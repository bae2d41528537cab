"""How long the starts of a stopped deployment take: learned from the last ones."""

from __future__ import annotations

import json
from datetime import datetime
from statistics import median
from typing import Any

from orchestrator.ledger.rows import DeploymentRow, HostRow, Status

_KEPT = 5
_AT_LEAST, _AT_MOST = 30.0, 3600.0  # seconds, of an estimate
_USUAL = 300.0


def after(row: DeploymentRow, now: datetime) -> dict[str, Any]:
    """Return what the deployment's row gets once it serves; nothing where no start preceded it."""
    if row.status != Status.STARTING or row.starting_at is None:
        return {}
    took = round((now - datetime.fromisoformat(row.starting_at)).total_seconds(), 1)
    return {"start_seconds": json.dumps([*_last(row), took][-_KEPT:])}


def expected(row: DeploymentRow, hosts: list[HostRow]) -> float:
    """Return the seconds from a start's beginning until it serves.

    Before the first start, those of the last launch stand for them: a launch does more.
    """
    if learned := _last(row):
        return median(learned)
    launches = [took for host in hosts if (took := _launch(host)) is not None]
    return min(max(launches[-1], _AT_LEAST), _AT_MOST) if launches else _USUAL


def _launch(host: HostRow) -> float | None:
    if host.launched_at is None or host.served_at is None:
        return None
    launched, served = map(datetime.fromisoformat, (host.launched_at, host.served_at))
    return (served - launched).total_seconds()


def _last(row: DeploymentRow) -> list[float]:
    """Return the last starts' seconds; none where they are of another form."""
    try:
        return [float(each) for each in json.loads(row.start_seconds or "[]")]
    except (TypeError, ValueError):
        return []
