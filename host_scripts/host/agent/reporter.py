"""Send Host Reports: on every change, and again every REPORT_SECONDS.

While the bus is unreachable the agent keeps running; the newest state is sent when it is back.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from host.agent.activity import Activity
from host.agent.phases import State
from host.agent.settings import Settings

_REFUSED = (
    "the gateway refuses its settings and goes on with the last ones: `journalctl --unit "
    "inference-app` says why; correct `gateway` in the specification"
)
LONGEST_PAUSE = 30.0  # seconds between two attempts while the bus is away

log = logging.getLogger("lamplighter.agent")


class Reporter:
    """wall: seconds since the epoch, for the reports; everything else is the monotonic clock.

    activity: what the gateway counts; asked for with each report of a host that serves.
    """

    def __init__(
        self,
        events: Any,
        settings: Settings,
        instance_id: str,
        wall: Callable[[], float],
        activity: Callable[[], Activity | None],
    ) -> None:
        self._events, self._settings, self._instance_id = events, settings, instance_id
        self._wall, self._activity = wall, activity
        self._said: object = None
        self._next = float("-inf")  # when the next report is due
        self._failures = 0  # in a row

    def send(self, state: State, warnings: tuple[str, ...], now: float) -> None:
        """Send the state when it is new or due; retry with growing pauses.

        warnings: of a host that may serve; a new warning alone is sent with the next report.
        """
        if now < self._next and (self._failures or state.said == self._said):
            return
        problem = self._put(state, warnings)
        if problem is None:
            self._said, self._failures = state.said, 0
            self._next = now + self._settings.report_seconds
            return
        pause = min(2.0 ** min(self._failures, 5), LONGEST_PAUSE)
        log.warning("report not sent problem=%s again_in_seconds=%g", problem, pause)
        self._next, self._failures = now + pause, self._failures + 1

    def _put(self, state: State, warnings: tuple[str, ...]) -> str | None:
        """Return None when the bus accepted it, else why not."""
        try:
            answer = self._events.put_events(Entries=[self._entry(state, warnings)])
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        except BotoCoreError as error:
            return type(error).__name__
        if answer["FailedEntryCount"]:
            return str(answer["Entries"][0].get("ErrorCode", "refused"))
        return None

    def _entry(self, state: State, warnings: tuple[str, ...]) -> dict[str, str]:
        activity = self._activity() if state.is_serving else None
        refused = [_REFUSED] if activity and activity.settings_refused else []
        phase, percent, cause = state.said
        detail: dict[str, Any] = {
            "deployment": self._settings.deployment,
            "instance_id": self._instance_id,
            "phase": phase,
            "percent": percent,
            "cause": cause,
            "warnings": [*warnings, *refused],
            "sent_at": stamp(self._wall()),
            "report_seconds": round(self._settings.report_seconds),
            **(activity.fields() if activity else {}),
            **({"release": self._settings.release} if self._settings.release else {}),
            **({"blame": state.blame} if state.blame else {}),
        }
        return {
            "EventBusName": self._settings.event_bus,
            "Source": f"lamplighter.host.{self._settings.deployment}",
            "DetailType": "Host Report",
            "Detail": json.dumps(detail),
        }


def stamp(now: float) -> str:
    """Return ISO-8601 in UTC with milliseconds: two changes can lie within one second."""
    whole, thousandths = divmod(round(now * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{thousandths:03d}Z"
