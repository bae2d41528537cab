"""When the host that serves is replaced by a new one by itself; pure but for the calendar.

A rotation is tried once in a window, however it ends: the next window tries again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from orchestrator.ledger.rows import DeploymentRow, Desired, HostRow, Role, Status
from orchestrator.schedules import edges
from orchestrator.spec.schedule import Rotation, time_zones
from orchestrator.spec.schema.reading import read
from orchestrator.spec.schema.values import Problem

LAST_START = timedelta(minutes=30)  # before a window's end: what begins later ends outside of it


def of(document: Mapping[str, Any]) -> Rotation | None:
    """Return the rotation of a stored specification; None where it has none, or of another form."""
    problems: list[Problem] = []
    rotation: Rotation = read(Rotation, document.get("rotation", {}), "", problems)
    if problems or rotation.every_days is None or rotation.time_zone not in time_zones():
        return None
    return rotation if edges.week(rotation.windows) else None


def due(row: DeploymentRow, hosts: Sequence[HostRow], now: datetime) -> datetime | None:
    """Return the beginning of the window in which the deployment is to be rotated now, or None.

    It serves, one host is all that it has, and that is old enough. The end of the window is not
    near, and nothing has begun a rotation in it yet.
    """
    rotation, host = of(row.specification()), _only(row, hosts)
    if rotation is None or host is None or host.launched_at is None:
        return None
    begin = _window(rotation, now)
    if begin is None or (row.rotated_at and datetime.fromisoformat(row.rotated_at) >= begin):
        return None
    age = now - datetime.fromisoformat(host.launched_at)
    return begin if age >= timedelta(days=rotation.every_days or 0) else None


def _only(row: DeploymentRow, hosts: Sequence[HostRow]) -> HostRow | None:
    """Return the host that serves; None where it is not well, or anything is under way."""
    if row.desired != Desired.PRESENT or row.status != Status.SERVING or row.next_spec:
        return None
    left = [host for host in hosts if host.role != Role.RETIRED]
    well = [each for each in left if each.role == Role.SERVING and each.phase == "serving"]
    return next((each for each in well if left == [each] and not each.planned), None)


def _window(rotation: Rotation, now: datetime) -> datetime | None:
    """Return when the window began in which a rotation may begin now."""
    windows = rotation.windows
    latest = edges.last(windows, now)
    if latest.action != edges.START or edges.upcoming(windows, now).at - now < LAST_START:
        return None
    return latest.at
