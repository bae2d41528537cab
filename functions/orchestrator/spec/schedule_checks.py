"""What is wrong with windows of the week; each function yields (path, sentence) per mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import pairwise

from orchestrator.masking import shown
from orchestrator.spec.checks import Found
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.schedule import DAY, DAYS, WEEK, Schedule, Span, spans, time_zones

LEAST_WINDOW = 60  # minutes, of a rotation's: none begins in the last half hour of it


def zone_and_windows(spec: Deployment) -> Found:
    zone, windows = spec.schedule.time_zone, spec.schedule.on
    if zone and not windows:
        yield (
            "schedule.on",
            "has no window, so it would never be started; add one, or leave schedule out",
        )
    if windows and not zone:
        yield "schedule.time_zone", _MISSING_ZONE


def unknown_zone(spec: Deployment) -> Found:
    yield from _unknown_zone(spec.schedule, "schedule")


def empty_windows(spec: Deployment) -> Found:
    yield from _empty_windows(spec.schedule, "schedule")


def overlapping_windows(spec: Deployment) -> Found:
    yield from _overlapping_windows(spec.schedule, "schedule")


def never_stops(spec: Deployment) -> Found:
    if _is_whole_week(spec.schedule):
        yield (
            "schedule.on",
            "is the whole week, so it would never be stopped; leave schedule out, or a gap",
        )


def rotation_is_whole(spec: Deployment) -> Found:
    days, zone, windows = spec.rotation.every_days, spec.rotation.time_zone, spec.rotation.on
    if days is None and (zone or windows):
        yield (
            "rotation.every_days",
            "missing; name the days after which a host is rotated, e.g. 30, or leave rotation out",
        )
    if days is not None and not windows:
        yield (
            "rotation.on",
            "has no window, so it would never be rotated; add one, e.g. from 03:00 to 05:00",
        )
    if windows and not zone:
        yield "rotation.time_zone", _MISSING_ZONE


def rotation_zone(spec: Deployment) -> Found:
    yield from _unknown_zone(spec.rotation.windows, "rotation")


def rotation_windows(spec: Deployment) -> Found:
    yield from _empty_windows(spec.rotation.windows, "rotation")
    yield from _overlapping_windows(spec.rotation.windows, "rotation")
    if _is_whole_week(spec.rotation.windows):
        yield (
            "rotation.on",
            "is the whole week, so it has no beginning; leave a gap, e.g. the busiest hours",
        )
    short = {
        span.window: span.end - span.begin
        for span in spans(spec.rotation.windows)
        if span.end - span.begin < LEAST_WINDOW
    }
    for number, lasting in short.items():
        yield (
            f"rotation.on[{number}].stop",
            f"is {lasting} minutes after its start; a rotation needs {LEAST_WINDOW} or more",
        )


def rotation_replaces(spec: Deployment) -> Found:
    if spec.rotation.every_days is not None and spec.update.strategy == "replace":
        yield "rotation.every_days", _REPLACES


_REPLACES = (
    "given with update.strategy 'replace', by which each rotation would be an outage that starts "
    "by itself; choose 'beside', or leave rotation out and run `lamplighter rotate`"
)
_MISSING_ZONE = "missing; name the time zone of the windows, e.g. Europe/Berlin or UTC"


def _unknown_zone(schedule: Schedule, section: str) -> Found:
    zone = schedule.time_zone
    if zone and zone not in time_zones():
        near = _near(zone)
        hint = f"did you mean {' or '.join(near)}?" if near else "name one, e.g. Europe/Berlin"
        yield f"{section}.time_zone", f"no time zone is called {shown(zone)}; {hint}"


def _near(zone: str) -> list[str]:
    """Return what it may have been meant to be: the city alone, other letters, a slip."""
    known = {name.lower(): name for name in time_zones()}
    city = zone.lower().replace(" ", "_").rpartition("/")[2]
    same = [name for lower, name in known.items() if lower.rpartition("/")[2] == city]
    slips = difflib.get_close_matches(zone.lower(), known, n=3)
    return same[:3] or [known[each] for each in slips]


def _empty_windows(schedule: Schedule, section: str) -> Found:
    for number, window in enumerate(schedule.on):
        if window.start == window.stop:
            yield (
                f"{section}.on[{number}].stop",
                f"{window.stop} is its start, too; for a whole day write 00:00 to 24:00",
            )


def _overlapping_windows(schedule: Schedule, section: str) -> Found:
    seen: set[tuple[int, int]] = set()
    for earlier, later in _neighbours(spans(schedule)):
        pair = min(earlier.window, later.window), max(earlier.window, later.window)
        if earlier.end > later.begin and pair not in seen and earlier is not later:
            seen.add(pair)
            first, second = (f"{section}.on[{number}]" for number in pair)
            yield second, f"overlaps {first} on {_when(later.begin)}; join them, or cut one"


def _is_whole_week(schedule: Schedule) -> bool:
    week = spans(schedule)
    has_gap = any(later.begin > earlier.end for earlier, later in _neighbours(week))
    is_empty = any(window.start == window.stop for window in schedule.on)
    return bool(week) and not has_gap and not is_empty


def _neighbours(week: list[Span]) -> Iterator[tuple[Span, Span]]:
    """Yield each span with the one after it; after the last one comes next week's first."""
    if week:
        first = Span(week[0].begin + WEEK, week[0].end + WEEK, week[0].window)
        yield from pairwise([*week, first])


def _when(minute: int) -> str:
    day, rest = divmod(minute % WEEK, DAY)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"
