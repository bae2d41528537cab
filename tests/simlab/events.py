"""EventBridge: late, twice, in any order; then Lambda's own retries, then the dead letters."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from awssim.clients import ACCOUNT_ID, REGION

from simlab.functions import Lambda
from simlab.history import History
from simlab.schedule import Schedule
from simlab.template import Rule
from simlab.workflows.failure import Failed, Unsupported

DELIVERY = (0.1, 2.0)  # seconds until an event is delivered
AGAIN = (1.0, 60.0)  # and, sometimes, delivered once more
_RETRY_SECONDS = 60  # Lambda repeats a failed asynchronous invocation after one minute, then two
DEFAULT_BUS = "default"


class Events:
    """duplicates: the share of events that are delivered twice, 0 to 1. is_lost: asked for each
    event but the schedules' own; AWS delivers some on a best-effort basis.
    """

    def __init__(
        self,
        schedule: Schedule,
        rules: Sequence[Rule],
        functions: Lambda,
        chance: random.Random,
        history: History,
        duplicates: float,
    ) -> None:
        self._schedule, self._rules, self._functions = schedule, rules, functions
        self._chance, self._history, self._duplicates = chance, history, duplicates
        self.is_lost: Callable[[Mapping[str, Any]], bool] = lambda _: False
        self.dead_letters: list[Any] = []
        for rule in rules:
            if rule.every is not None:
                self._repeat(rule, rule.every)

    def put(self, bus: str, source: str, kind: str, detail: Mapping[str, Any]) -> None:
        event = self._envelope(source, kind, detail)
        if self.is_lost(event):
            return
        for rule in self._rules:
            if rule.bus == bus and rule.pattern is not None and matches(rule.pattern, event):
                self._deliver(rule, event)

    def _repeat(self, rule: Rule, seconds: float) -> None:
        def strike() -> None:
            self._deliver(rule, self._envelope("aws.events", "Scheduled Event", {}))
            self._repeat(rule, seconds)

        self._schedule.after(seconds, strike)

    def _deliver(self, rule: Rule, event: dict[str, Any]) -> None:
        for target in rule.targets:
            first = partial(self._invoke, target, event, 0)
            delay = self._chance.uniform(*DELIVERY)
            self._schedule.after(delay, first)
            if self._chance.random() < self._duplicates:
                self._schedule.after(delay + self._chance.uniform(*AGAIN), first)

    def _invoke(self, target: str, event: dict[str, Any], failures: int) -> None:
        function = self._functions[target]
        try:
            answer = self._functions.invoke(target, event)
        except Failed as failed:
            self._history.add("failed", function.name, error=failed.error, cause=failed.cause)
            if failures < function.retries:
                pause = _RETRY_SECONDS * (failures + 1)
                self._schedule.after(pause, partial(self._invoke, target, event, failures + 1))
            else:
                self.dead_letters.append(event)
        else:
            self._history.add("answered", function.name, event=event["detail"], answer=answer)

    def _envelope(self, source: str, kind: str, detail: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "version": "0",
            "id": f"{self._chance.getrandbits(128):032x}",
            "detail-type": kind,
            "source": source,
            "account": ACCOUNT_ID,
            "time": self._schedule.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [],
            "detail": dict(detail),
        }


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Return whether a rule's pattern matches; Unsupported for one that has more than literals and
    prefixes.
    """
    return all(_field_matches(name, wanted, event) for name, wanted in pattern.items())


def _field_matches(name: str, wanted: Any, event: Mapping[str, Any]) -> bool:
    if name == "$or":
        return any(matches(each, event) for each in wanted)
    found = event.get(name)
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and matches(wanted, found)
    if any(isinstance(each, Mapping) and set(each) != {"prefix"} for each in wanted):
        raise Unsupported(f"event pattern: {name}: {wanted}")
    values = found if isinstance(found, list) else [found]
    return name in event and any(_is_one(value, each) for value in values for each in wanted)


def _is_one(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, str) and value.startswith(wanted["prefix"])
    return bool(value == wanted)
