"""When a deployment's schedule starts or stops it next, from its specification alone.

The calendar is the orchestrator's (functions/orchestrator/schedules/edges.py), and
tests/contracts/schedule_edges.json holds both to the same moments: a time that the clock skips in
spring is the moment after the gap, one that comes twice in autumn its first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lamplighter.aws.rows import Deployment

START, STOP = "start", "stop"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60  # minutes
_WEEK = 7 * _DAY
_AHEAD = range(9)  # days: there is an edge each week, and a skipped time is soon over


@dataclass(frozen=True, slots=True)
class Edge:
    """action: START or STOP. at: in the schedule's time zone, called `zone`."""

    action: str
    at: datetime
    zone: str

    def document(self, now: datetime) -> dict[str, Any]:
        return {
            "action": self.action,
            "at": self.at.astimezone(UTC).isoformat(),
            "local": self.at.isoformat(),
            "time_zone": self.zone,
            "in_seconds": int((self.at - now).total_seconds()),
        }


def upcoming(found: Deployment, now: datetime) -> Edge | None:
    """Return what the schedule does next; None where it has none, or leaves the deployment alone.

    What an operator or a budget has stopped it leaves alone: only a command starts that.
    """
    if not found.served_at or found.desired == "absent":
        return None
    if found.desired == "stopped" and found.stopped_by != "schedule":
        return None
    edge, rests = following(found.schedule, now), found.desired in {"stopped", "asleep"}
    while edge and edge.action == (STOP if rests else START):
        edge = following(found.schedule, edge.at)
    return edge


def following(schedule: Mapping[str, Any], now: datetime) -> Edge | None:
    """Return the next edge after now; None for no schedule, or one of another form."""
    try:
        name = str(schedule["time_zone"])
        moments = list(_moments(schedule["on"], ZoneInfo(name), now))
    except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError):
        return None
    later = ((at, action) for at, action in moments if at > now)
    return next((Edge(action, at, name) for at, action in later), None)


def _moments(
    windows: list[Mapping[str, Any]], zone: ZoneInfo, now: datetime
) -> Iterator[tuple[datetime, str]]:
    week, today = _week(windows), now.astimezone(zone).date()
    for day in (today + timedelta(days=number) for number in _AHEAD):
        for minute, action in week:
            if minute // _DAY == day.weekday():
                yield _instant(day, time(*divmod(minute % _DAY, 60)), zone), action


def _week(windows: list[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Return the edges as minutes since Monday 0:00; none where one window follows another."""
    starts, stops = set(), set()
    for window in windows:
        start, stop = _minutes(window["start"]), _minutes(window["stop"])
        for day in window["days"]:
            begin = _DAYS.index(day) * _DAY
            starts.add(begin + start)
            stops.add((begin + (stop if stop > start else stop + _DAY)) % _WEEK)
    both = starts & stops
    return sorted([*((m, START) for m in starts - both), *((m, STOP) for m in stops - both)])


def _minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the first moment at which the clocks of the zone show this, or jump over it."""
    local = datetime.combine(day, at)
    while (shown := local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)).replace(
        tzinfo=None
    ) != local:
        local += timedelta(minutes=1)
    return shown
