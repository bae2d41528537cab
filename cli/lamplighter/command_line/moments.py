"""Durations and points in time as an operator types them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click
from click import Context, Parameter

_DURATION = re.compile(r"(\d{1,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Duration(click.ParamType):
    """`90s`, `15m`, `24h`, `30d` -> timedelta."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: Parameter | None, ctx: Context | None
    ) -> timedelta:
        found = value if isinstance(value, timedelta) else duration(value)
        if found is None:
            self.fail(f"{value!r} is no duration: write 90s, 15m, 24h or 30d", param, ctx)
        return found


class Moment(click.ParamType):
    """A duration from now on, or an ISO-8601 time (UTC where it names no zone) -> datetime, UTC."""

    name = "when"

    def convert(
        self, value: str | datetime, param: Parameter | None, ctx: Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        now = datetime.now(UTC)
        if (lasting := duration(value)) is not None:
            found = now + lasting
        else:
            found = self._read(value, param, ctx)
        if found <= now:
            self.fail(f"{value!r} is over already: choose a time to come", param, ctx)
        return found

    def _read(self, value: str, param: Parameter | None, ctx: Context | None) -> datetime:
        try:
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            forms = "30d, 12h, 2027-01-31 or 2027-01-31T18:00:00Z"
            self.fail(f"{value!r} is neither a duration nor a time: write {forms}", param, ctx)


def duration(text: str) -> timedelta | None:
    """Return the duration; None when the text is none."""
    found = _DURATION.fullmatch(text.strip())
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
