"""When a deployment is rotated by itself next, from its specification and the age of its host.

The decision is the orchestrator's (functions/orchestrator/schedules/rotation.py), and
tests/contracts/rotations.json holds both to the same moments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from lamplighter.aws.rows import Deployment
from lamplighter.deployments import schedule
from lamplighter.deployments.schedule import START, Edge

ROTATION = "rotation"
_LAST_START = timedelta(minutes=30)  # before a window's end
_BEFORE = timedelta(days=8)  # a window begins within a week before its end
_AHEAD = timedelta(days=30)  # a window may be skipped by the clocks, or tried already


def upcoming(found: Deployment, now: datetime) -> Edge | None:
    """Return when the next one begins, should the deployment serve then; None where none does."""
    host, days = found.current, found.rotation.get("every_days")
    if not found.served_at or found.desired == "absent" or not host.launched_at:
        return None
    if isinstance(days, bool) or not isinstance(days, int):
        return None
    earliest = max(now, datetime.fromisoformat(host.launched_at) + timedelta(days=days))
    tried = datetime.fromisoformat(found.rotated_at) if found.rotated_at else None
    for begin, end in _windows(found.rotation, earliest):
        at = max(begin.at, earliest)
        if at <= end.at - _LAST_START and (tried is None or tried < begin.at):
            return Edge(ROTATION, at.astimezone(begin.at.tzinfo), begin.zone)
    return None


def _windows(rotation: Mapping[str, Any], around: datetime) -> Iterator[tuple[Edge, Edge]]:
    """Yield the windows that begin a while before a moment, and after it."""
    edge = schedule.following(rotation, around - _BEFORE)
    while edge and edge.at < around + _AHEAD:
        end = schedule.following(rotation, edge.at)
        if edge.action == START and end:
            yield edge, end
        edge = end
