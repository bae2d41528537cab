"""When a deployment runs, and when its host is replaced by itself: windows of the week."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from orchestrator.spec import hints
from orchestrator.spec.patterns import TIME, TIME_OR_MIDNIGHT, TIME_ZONE
from orchestrator.spec.schema.fields import option, sections

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60  # minutes
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to the next `stop`, which may be the day after."""

    start: str = option(
        about="time of day at which the window begins",
        type="string",
        hint=hints.time_of_day,
        pattern=TIME,
        examples=["08:00"],
    )
    stop: str = option(
        about="time of day at which it ends; before start: on the day after",
        type="string",
        hint=hints.time_of_day,
        pattern=TIME_OR_MIDNIGHT,
        examples=["20:00"],
    )
    days: tuple[str, ...] = option(
        list(DAYS),
        about="days on which the window starts",
        hint=hints.day,
        type="array",
        items={"type": "string", "enum": list(DAYS)},
        minItems=1,
        maxItems=7,
        uniqueItems=True,
        examples=[["mon", "tue", "wed", "thu", "fri"]],
    )


def _time_zone() -> Any:
    return option(
        None,
        about="IANA time zone of the windows, summer time included",
        type=["string", "null"],
        pattern=TIME_ZONE,
        maxLength=50,
        examples=["Europe/Berlin"],
    )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Without windows the deployment has none, and runs until somebody stops it."""

    time_zone: str | None = _time_zone()
    on: tuple[Window, ...] = sections(
        Window,
        about="windows in which the deployment runs; between them it is stopped and kept",
        maxItems=14,
        examples=[[{"days": ["mon", "fri"], "start": "08:00", "stop": "20:00"}]],
    )


@dataclass(frozen=True, slots=True)
class Rotation:
    """Without every_days the deployment is rotated by command only."""

    every_days: int | None = option(
        None,
        about="age of the host, days, from which on it is rotated in the next window; null: never",
        type=["integer", "null"],
        minimum=1,
        maximum=365,
        examples=[30],
    )
    time_zone: str | None = _time_zone()
    on: tuple[Window, ...] = sections(
        Window,
        about="windows in which a rotation may begin, up to half an hour before their end",
        maxItems=14,
        examples=[[{"days": ["sun"], "start": "03:00", "stop": "05:00"}]],
    )

    @property
    def windows(self) -> Schedule:
        """Return its windows as a schedule has them: each begins at a start."""
        return Schedule(self.time_zone, self.on)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Minutes since Monday 0:00, the end after the begin; window: its place in `schedule.on`."""

    begin: int
    end: int
    window: int = 0


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names of all time zones; the system that runs this may have none."""
    listed = importlib.resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return tuple(sorted(set(listed.split()) - {"Factory"}))


def spans(schedule: Schedule) -> list[Span]:
    """Return the week's windows, the earliest first."""
    return sorted(span for number, window in enumerate(schedule.on) for span in _of(window, number))


def minutes(time: str) -> int:
    """Return the minutes since 0:00 of a time of day, e.g. 08:30."""
    hour, minute = time.split(":")
    return int(hour) * 60 + int(minute)


def _of(window: Window, number: int) -> Iterator[Span]:
    start, stop = minutes(window.start), minutes(window.stop)
    lasting = stop - start if stop > start else stop - start + DAY
    for day in window.days:
        begin = DAYS.index(day) * DAY + start
        yield Span(begin, begin + lasting, number)
