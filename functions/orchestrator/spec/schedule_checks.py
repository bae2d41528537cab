"""What is wrong with a schedule; each function yields (path, sentence) per mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import pairwise

from orchestrator.masking import shown
from orchestrator.spec.checks import Found
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.schedule import DAY, DAYS, WEEK, Span, spans, time_zones

_ON = "schedule.on"
_ZONE = "schedule.time_zone"


def zone_and_windows(spec: Deployment) -> Found:
    zone, windows = spec.schedule.time_zone, spec.schedule.on
    if zone and not windows:
        yield _ON, "has no window, so it would never be started; add one, or leave schedule out"
    if windows and not zone:
        yield _ZONE, "missing; name the time zone of the windows, e.g. Europe/Berlin or UTC"


def unknown_zone(spec: Deployment) -> Found:
    zone = spec.schedule.time_zone
    if zone and zone not in time_zones():
        near = _near(zone)
        hint = f"did you mean {' or '.join(near)}?" if near else "name one, e.g. Europe/Berlin"
        yield _ZONE, f"no time zone is called {shown(zone)}; {hint}"


def _near(zone: str) -> list[str]:
    """Return what it may have been meant to be: the city alone, other letters, a slip."""
    known = {name.lower(): name for name in time_zones()}
    city = zone.lower().replace(" ", "_").rpartition("/")[2]
    same = [name for lower, name in known.items() if lower.rpartition("/")[2] == city]
    slips = difflib.get_close_matches(zone.lower(), known, n=3)
    return same[:3] or [known[each] for each in slips]


def empty_windows(spec: Deployment) -> Found:
    for number, window in enumerate(spec.schedule.on):
        if window.start == window.stop:
            yield (
                f"{_ON}[{number}].stop",
                f"{window.stop} is its start, too; for a whole day write 00:00 to 24:00",
            )


def overlapping_windows(spec: Deployment) -> Found:
    seen: set[tuple[int, int]] = set()
    for earlier, later in _neighbours(spans(spec.schedule)):
        pair = min(earlier.window, later.window), max(earlier.window, later.window)
        if earlier.end > later.begin and pair not in seen and earlier is not later:
            seen.add(pair)
            first, second = pair
            when = _when(later.begin)
            yield f"{_ON}[{second}]", f"overlaps {_ON}[{first}] on {when}; join them, or cut one"


def never_stops(spec: Deployment) -> Found:
    week = spans(spec.schedule)
    has_gap = any(later.begin > earlier.end for earlier, later in _neighbours(week))
    is_empty = any(window.start == window.stop for window in spec.schedule.on)
    if week and not has_gap and not is_empty:
        yield _ON, "is the whole week, so it would never be stopped; leave schedule out, or a gap"


def _neighbours(week: list[Span]) -> Iterator[tuple[Span, Span]]:
    """Yield each span with the one after it; after the last one comes next week's first."""
    if week:
        first = Span(week[0].begin + WEEK, week[0].end + WEEK, week[0].window)
        yield from pairwise([*week, first])


def _when(minute: int) -> str:
    day, rest = divmod(minute % WEEK, DAY)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"
