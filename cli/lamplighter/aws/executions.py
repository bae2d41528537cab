"""Starts workflow executions and follows them to their end.

arn = start(states, machine, "provision", "prod", spec)
ended = follow(states, arn, show=view, pause=lambda: time.sleep(1))
if ended.status == "SUCCEEDED": ...
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lamplighter.aws.refusals import Silence
from lamplighter.errors import unwrapped

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import (
        DescribeExecutionOutputTypeDef,
        HistoryEventTypeDef,
    )

# Step Functions takes 80 characters (API reference, StartExecution).
MAX_NAME = 80
# A watched workflow runs for many minutes: so many looks in a row may fail (each tries 3 times).
PATIENCE = 20
_STEPS = ("Task", "Wait", "Map")
_FAILURES = {
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "LambdaFunctionFailed": "lambdaFunctionFailedEventDetails",
    "LambdaFunctionTimedOut": "lambdaFunctionTimedOutEventDetails",
}

_WAITS = {"LockHeld", "Pending"}


@dataclass(frozen=True, slots=True)
class Change:
    """A step was entered, left, or an attempt at it failed (`failing`: it may be tried again)."""

    kind: str
    step: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an execution ended. status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    status: str
    output: dict[str, Any]
    error: str
    cause: str
    seconds: float


@dataclass(slots=True)
class _Reader:
    """Turns history events into changes; failures carry no state's name, so open ones are kept."""

    last_id: int = 0
    open: list[str] = field(default_factory=list)

    def read(self, event: HistoryEventTypeDef) -> Iterator[Change]:
        self.last_id = event["id"]
        kind, at = event["type"], event["timestamp"]
        if kind in _FAILURES and self.open:
            yield Change("failing", self.open[-1], at, _note(event))
        elif _is_step(kind, "StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            self.open.append(name)
            yield Change("entered", name, at)
        elif _is_step(kind, "StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            self.open = [other for other in self.open if other != name]
            yield Change("left", name, at)


def name(verb: str, deployment: str, now: datetime, suffix: str) -> str:
    """Return `<verb>-<deployment>-<UTC time>-<suffix>`; a long deployment's name gives way."""
    tail = f"-{now.astimezone(UTC):%Y%m%dt%H%M%S}-{suffix}"
    head = f"{verb}-{re.sub(r'[^A-Za-z0-9-]', '-', deployment)}"
    return head[: MAX_NAME - len(tail)] + tail


def start(
    states: SFNClient, machine: str, verb: str, deployment: str, document: Mapping[str, Any]
) -> str:
    """Start the state machine with this input and return the execution's ARN."""
    started = states.start_execution(
        stateMachineArn=machine,
        name=name(verb, deployment, datetime.now(UTC), secrets.token_hex(2)),
        input=json.dumps(document),
    )
    return started["executionArn"]


def follow(
    states: SFNClient,
    arn: str,
    *,
    show: Callable[[list[Change]], None],
    pause: Callable[[], None],
) -> Outcome:
    """Return how the execution ended, showing what changed at every look (also when nothing did).

    A short outage of the network is waited out; a longer one raises botocore's error.
    """
    reader, failed = _Reader(), 0
    while True:
        try:
            changes, ended = _look(states, arn, reader)
            show(changes)
            failed = 0
        except Silence:
            failed += 1
            if failed == PATIENCE:
                raise
        else:
            if ended:
                return ended
        pause()


def outcome(states: SFNClient, arn: str) -> Outcome | None:
    """Return how the execution ended, or None while it runs."""
    return _outcome(states.describe_execution(executionArn=arn))


def _look(states: SFNClient, arn: str, reader: _Reader) -> tuple[list[Change], Outcome | None]:
    # The status first: the history read after the end is the whole history.
    ended = outcome(states, arn)
    events = _since(states, arn, reader.last_id)
    return [change for event in events for change in reader.read(event)], ended


def _since(states: SFNClient, arn: str, last_id: int) -> list[HistoryEventTypeDef]:
    """Return the events after `last_id`, oldest first; read backwards, so old pages stay unread."""
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=arn, reverseOrder=True, includeExecutionData=False
    )
    fresh: list[HistoryEventTypeDef] = []
    for page in pages:
        news = [event for event in page["events"] if event["id"] > last_id]
        fresh += news
        if len(news) < len(page["events"]):
            break
    return fresh[::-1]


def _is_step(event_type: str, ending: str) -> bool:
    return event_type.endswith(ending) and event_type.removesuffix(ending) in _STEPS


def _note(event: HistoryEventTypeDef) -> str:
    """Return `Error: cause`, or what the step waits for: these two are tried again until it comes.

    That is how the workflows wait (ARCHITECTURE.md, Waiting); it is no failure.
    """
    details: dict[str, str] = event.get(_FAILURES[event["type"]], {})  # type: ignore[assignment]
    error, sentence = unwrapped(details.get("error", ""), details.get("cause", ""))
    shown = "waiting" if error in _WAITS else error
    return ": ".join(part for part in (shown, sentence) if part)


def _outcome(found: DescribeExecutionOutputTypeDef) -> Outcome | None:
    if found["status"] in {"RUNNING", "PENDING_REDRIVE"}:
        return None
    stopped = found.get("stopDate") or found["startDate"]
    return Outcome(
        status=found["status"],
        output=json.loads(found.get("output") or "{}"),
        error=found.get("error", ""),
        cause=found.get("cause", ""),
        seconds=(stopped - found["startDate"]).total_seconds(),
    )
