"""What the control plane does while nothing happens, counted on the local AWS."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from twinlab import Installation

from chaos.page.quiet import Counted, metrics_in

_SETTLES = 60.0
_READS = {"GetItem", "Query", "Scan"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}
_BILLED = re.compile(r"^REPORT .*Billed Duration: (\d+) ms")
_FUNCTION = re.compile(r"-(\w+Function)-")


def count(aws: Installation, minutes: float, known: Counted) -> Counted:
    """Count so many minutes of a deployment that serves.

    The local AWS says how often the ledger was read and written. How many request units one call
    has on average, which its rows decide, comes from what is known of virtual time.
    """
    time.sleep(_SETTLES)
    executions, began = len(_executions(aws)), time.time()
    time.sleep(60 * minutes)
    ended = time.time()
    counted = Counted((ended - began) / 3600)
    counted.executions = len(_executions(aws)) - executions
    streams = _streams(aws, began, ended)
    for function, messages in streams:
        for billed in filter(None, map(_BILLED.match, messages)):
            counted.invocations[function] += 1
            counted.seconds[function] += int(billed[1]) / 1000
        emitted = [each for each in messages if each.startswith("{") and '"_aws"' in each]
        counted.metrics |= set(metrics_in("\n".join(emitted)))
    calls = list(_calls(aws, began, ended))
    counted.events = calls.count(("events", "PutEvents"))
    counted.read_calls = sum(each in {("dynamodb", name) for name in _READS} for each in calls)
    counted.write_calls = sum(each in {("dynamodb", name) for name in _WRITES} for each in calls)
    counted.reads["all"] = round(counted.read_calls * known.reads.total() / known.read_calls)
    counted.writes = round(counted.write_calls * known.writes / known.write_calls)
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    counted.alarms = len([each for each in found if "-alpha-" in each["AlarmName"]])
    return counted


def _executions(aws: Installation) -> list[str]:
    verbs = ("provision", "repair", "stop", "start", "teardown")
    return [each for verb in verbs for each in aws.executions(verb)]


def _streams(aws: Installation, began: float, ended: float) -> Iterator[tuple[str, list[str]]]:
    """Yield each function's name with what it logged in this time."""
    group = f"/lamplighter/{aws.twin.stack}/steps"
    names, said = dict[str, str](), dict[str, list[str]]()
    for event in _logged(aws, group):
        stream, message = event["logStreamName"], event["message"]
        if stream not in names and message.startswith("{"):
            name = json.loads(message).get("function_name", "")
            if found := _FUNCTION.search(name):
                names[stream] = found[1]
        if began <= event["timestamp"] / 1000 < ended:
            said.setdefault(stream, []).append(message)
    yield from ((names.get(stream, "unknown"), messages) for stream, messages in said.items())


def _logged(aws: Installation, group: str) -> Iterator[dict[str, Any]]:
    pages = aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    for page in pages:
        yield from page["events"]


def _calls(aws: Installation, began: float, ended: float) -> Iterator[tuple[str, str]]:
    for line in aws.twin.journal.read_text("utf-8").splitlines():
        call = json.loads(line)
        # The operator's own reads of the ledger, ours here among them, come from no worker.
        is_ours = call["worker"] is not None or call["service"] == "events"
        if is_ours and began <= call["at"] < ended:
            yield call["service"], call["operation"]
