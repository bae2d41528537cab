"""The moments at which a schedule starts and stops a deployment, by the calendar of its time zone.

A time that the clock skips in spring is the moment after the gap; one that comes twice in autumn is
its first. tests/contracts/schedule_edges.json holds the command to the same moments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator.spec.schedule import DAY, DAYS, WEEK, Schedule, spans, time_zones
from orchestrator.spec.schema.reading import read
from orchestrator.spec.schema.values import Problem

START, STOP = "start", "stop"
_MINUTE = timedelta(minutes=1)
_AROUND = range(-8, 9)  # days: there is an edge each week, and a skipped time is soon over


@dataclass(frozen=True, slots=True)
class Edge:
    """action: START or STOP. day: of the week, 0 is Monday; minute: of that day."""

    action: str
    day: int
    minute: int

    @property
    def time(self) -> time:
        return time(*divmod(self.minute, 60))


@dataclass(frozen=True, slots=True)
class Moment:
    """at: in UTC."""

    at: datetime
    action: str


def of(document: Mapping[str, Any]) -> Schedule | None:
    """Return the schedule of a stored specification; None where it has none, or of another form."""
    problems: list[Problem] = []
    schedule: Schedule = read(Schedule, document.get("schedule", {}), "", problems)
    is_known = bool(schedule.on) and schedule.time_zone in time_zones()
    return schedule if is_known and not problems else None


def week(schedule: Schedule) -> list[Edge]:
    """Return the week's edges, the earliest first; none where one window follows another."""
    found = spans(schedule)
    starts, stops = {span.begin for span in found}, {span.end % WEEK for span in found}
    edges = [(minute, START) for minute in starts - stops]
    edges += [(minute, STOP) for minute in stops - starts]
    return [Edge(action, *divmod(minute, DAY)) for minute, action in sorted(edges)]


def last(schedule: Schedule, now: datetime) -> Moment:
    """Return the latest edge that has come."""
    return [each for each in _moments(schedule, now) if each.at <= now][-1]


def upcoming(schedule: Schedule, now: datetime) -> Moment:
    """Return the next edge."""
    return next(each for each in _moments(schedule, now) if each.at > now)


def is_on(schedule: Schedule, now: datetime) -> bool:
    return last(schedule, now).action == START


def days_of(schedule: Schedule) -> Mapping[tuple[str, time], list[str]]:
    """Return the days on which each action comes at each time: {(action, time): ["mon", ...]}."""
    found: dict[tuple[str, time], list[str]] = {}
    for edge in week(schedule):
        found.setdefault((edge.action, edge.time), []).append(DAYS[edge.day])
    return found


def _moments(schedule: Schedule, now: datetime) -> list[Moment]:
    """Return the edges of the days around now, in their order."""
    zone, edges = ZoneInfo(str(schedule.time_zone)), week(schedule)
    today = now.astimezone(zone).date()
    days = (today + timedelta(days=number) for number in _AROUND)
    return [
        Moment(_instant(day, edge.time, zone), edge.action)
        for day in days
        for edge in edges
        if edge.day == day.weekday()
    ]


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the moment in UTC at which the clocks of the zone first show this, or jump over it."""
    return next(
        shown
        for local in _minutes_from(datetime.combine(day, at))
        if (shown := local.replace(tzinfo=zone).astimezone(UTC))
        .astimezone(zone)
        .replace(tzinfo=None)
        == local
    )


def _minutes_from(local: datetime) -> Iterator[datetime]:
    while True:
        yield local
        local += _MINUTE
