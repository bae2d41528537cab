"""EventBridge Scheduler in virtual time: what the account's schedules say starts workflows.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html: within the minute; a
time that the clocks skip in spring is skipped, one that comes twice in autumn fires once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from awssim import Account
from awssim.request import Proceed, Request, Response, Rule
from awssim.rules import cron

from simlab.history import History
from simlab.schedule import Schedule, Timer
from simlab.workflows.executions import Executions
from simlab.workflows.failure import Unsupported

_DAYS = 9  # looked ahead: each of our schedules fires every week


class Scheduler:
    """A layer of the strict AWS. is_lost: asked for each firing, by the schedule's name.

    fired: (UTC, name) of each.
    """

    def __init__(
        self,
        account: Account,
        schedule: Schedule,
        executions: Executions,
        chance: random.Random,
        history: History,
    ) -> None:
        self._account, self._schedule, self._executions = account, schedule, executions
        self._chance, self._history = chance, history
        self._timers: list[Timer] = []
        self.is_lost: Callable[[str], bool] = lambda _: False
        self.fired: list[tuple[datetime, str]] = []
        names = ("CreateSchedule", "UpdateSchedule", "DeleteSchedule")
        self.rules: Mapping[str, Rule] = {f"scheduler.{name}": self._changed for name in names}

    def plan(self) -> None:
        """Set a timer for the next time of each schedule."""
        for timer in self._timers:
            timer.cancel()
        self._timers = [self._armed(document) for document in self._documents()]

    def _changed(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        self.plan()
        return answer

    def _documents(self) -> Iterator[dict[str, Any]]:
        with self._account.uncounted():
            client = self._account.client("scheduler")
            for each in client.list_schedules()["Schedules"]:
                found = client.get_schedule(GroupName=each["GroupName"], Name=each["Name"])
                if found["State"] == "ENABLED":
                    yield found

    def _armed(self, document: dict[str, Any]) -> Timer:
        clock = self._schedule.clock
        due = _next(document, clock.now())
        seconds = (due - clock.now()).total_seconds() + self._chance.uniform(0, 59)
        return self._schedule.after(seconds, partial(self._fire, document))

    def _fire(self, document: dict[str, Any]) -> None:
        name, target = document["Name"], document["Target"]
        if not self.is_lost(name):
            self.fired.append((self._schedule.clock.now(), name))
            self._history.add("scheduled", name)
            self._executions.start(
                target["Arn"], f"s-{self._chance.getrandbits(64):x}", target["Input"]
            )
        self._timers.append(self._armed(document))


def _next(document: dict[str, Any], now: datetime) -> datetime:
    """Return the next time in UTC, later than this minute."""
    zone = ZoneInfo(document["ScheduleExpressionTimezone"])
    fields = cron.fields_of(document["ScheduleExpression"])
    if fields is None or (fields[2], fields[3], fields[5]) != ("?", "*", "*"):
        raise Unsupported(f"schedule expression {document['ScheduleExpression']}")
    minute, hour, *_, days, _ = fields
    wanted = {(number - 2) % 7 for number in cron.DAYS_OF_WEEK.numbers(days)}  # 0 is Monday
    times = sorted(product(cron.HOURS.numbers(hour), cron.MINUTES.numbers(minute)))
    today = now.astimezone(zone).date()
    later = now.replace(second=0, microsecond=0)
    return next(
        moment
        for day in (today + timedelta(days=number) for number in range(_DAYS))
        if day.weekday() in wanted
        for moment in _moments(day, times, zone)
        if moment > later
    )


def _moments(day: date, times: list[tuple[int, int]], zone: ZoneInfo) -> Iterator[datetime]:
    for hour, minute in times:
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        moment = local.astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            yield moment
