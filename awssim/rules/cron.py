"""The cron expressions of EventBridge Scheduler: six fields, and `?` in one field of both days.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEK_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_EXPRESSION = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")


@dataclass(frozen=True, slots=True)
class Field:
    """values: allowed numbers. names: of the numbers from the first one on. more: other forms."""

    values: range
    names: tuple[str, ...] = ()
    more: str = ""

    def fits(self, text: str) -> bool:
        return text == "*" or all(self._fits(part) for part in text.split(","))

    def numbers(self, text: str) -> set[int]:
        """Return the values of a list of values and ranges, or of `*`."""
        if text == "*":
            return set(self.values)
        found: set[int] = set()
        for part in text.split(","):
            first, _, last = part.partition("-")
            found |= set(range(self._number(first), self._number(last or first) + 1))
        return found

    def _fits(self, part: str) -> bool:
        if self.more and re.fullmatch(self.more, part):
            return True
        span, slash, step = part.partition("/")
        if slash and not (step.isdigit() and int(step)):
            return False
        ends = [] if span == "*" else span.split("-")
        numbers = [self._number(each) for each in ends]
        in_range = all(each in self.values for each in numbers)
        return len(ends) <= 2 and in_range and numbers == sorted(numbers)  # noqa: PLR2004 - a range

    def _number(self, text: str) -> int:
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.values[0]
        return int(text) if text.isdigit() else -1


MINUTES, HOURS = Field(range(60)), Field(range(24))
DAYS_OF_WEEK = Field(range(1, 8), WEEK_DAYS, r"L|\w{1,3}L|\w{1,3}#[1-5]")
_DAYS = Field(range(1, 32), more=r"L|\d{1,2}W|LW")
_FIELDS = (
    MINUTES,
    HOURS,
    _DAYS,
    Field(range(1, 13), _MONTHS),
    DAYS_OF_WEEK,
    Field(range(1970, 2200)),
)


def fields_of(expression: str) -> tuple[str, ...] | None:
    """Return minute, hour, day of the month, month, day of the week, year; None: it is no cron."""
    found = _EXPRESSION.fullmatch(expression)
    return found.groups() if found else None


def is_cron(expression: str) -> bool:
    """Return whether AWS takes it: exactly one of the day of the month and of the week is `?`."""
    fields = fields_of(expression)
    if fields is None:
        return False
    days = (fields[2], fields[4])
    if days.count("?") != 1:
        return False
    judged = zip(_FIELDS, fields, strict=True)
    return all(text == "?" or field.fits(text) for field, text in judged if text != "?") and (
        "?" not in (*fields[:2], fields[3], fields[5])
    )
