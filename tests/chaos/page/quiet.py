"""What an installation costs while nothing happens: hours are counted, thirty days priced.

Prices: AWS's public ones of us-east-1, without the free tier, as of PRICED.
https://aws.amazon.com/lambda/pricing/ (Arm), https://aws.amazon.com/dynamodb/pricing/on-demand/,
https://aws.amazon.com/eventbridge/pricing/, https://aws.amazon.com/cloudwatch/pricing/,
https://aws.amazon.com/xray/pricing/, https://aws.amazon.com/step-functions/pricing/
"""

from __future__ import annotations

import io
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from awssim.request import Proceed, Request, Response, Rule
from template_files import read

from chaos.scene import Scene, opened

PRICED = "2026-11-28"
GOAL_USD = 1.0  # for the looks of every minute
_DAYS = 30
_LOG_BYTES = 1_000  # of an invocation: the platform's three lines, and ours
_READ_BYTES, _WRITE_BYTES = 4096, 1024
_MILLION = 1_000_000
_STATES = 20  # of an execution that finds nothing to do
_INVOCATION, _GB_SECOND = 0.20 / _MILLION, 0.0000133334
_READ, _WRITE = 0.125 / _MILLION, 0.625 / _MILLION
_EVENT, _TRACE, _TRANSITION = 1.00 / _MILLION, 5.00 / _MILLION, 0.025 / 1000
_LOG_GB, _METRIC, _ALARM = 0.50, 0.30, 0.10


@dataclass(slots=True)
class Counted:
    """Of so many hours. reads and writes: DynamoDB's request units, the reads by function;
    read_calls, write_calls: of its operations. seconds: of all invocations, where a call of AWS
    takes 50 milliseconds. metrics: those that functions have written, each with its dimensions.
    alarms: the deployment's own, which `lamplighter plan` shows with their cost. running: the
    function that is invoked.
    """

    hours: float
    invocations: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    events: int = 0
    executions: int = 0
    reads: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    read_calls: int = 0
    write_calls: int = 0
    metrics: set[str] = field(default_factory=set)
    alarms: int = 0
    running: str = ""


def count(seed: int, hours: float) -> Counted:
    counted = Counted(hours)
    with opened(seed, "quiet", duplicates=0) as scene:
        scene.world.pass_(minutes=5)
        said = io.StringIO()
        executions = len(scene.world.executions.all)
        with redirect_stdout(said), _watched(scene, counted):
            scene.world.pass_(hours=hours)
        counted.executions = len(scene.world.executions.all) - executions
        counted.metrics = set(metrics_in(said.getvalue()))
        with scene.world.account.uncounted():
            found = scene.world.account.client("cloudwatch").describe_alarms()
        counted.alarms = len(found["MetricAlarms"])
        return counted


@contextmanager
def _watched(scene: Scene, counted: Counted) -> Iterator[None]:
    world, functions = scene.world, scene.world._functions
    invoke, put = functions.invoke, world.events.put

    def invoked(arn: str, event: Any) -> Any:
        began, name = world.clock.seconds, functions[arn].name
        counted.running = name
        counted.invocations[name] += 1
        try:
            return invoke(arn, event)
        finally:
            counted.seconds[name] += world.clock.seconds - began

    def published(bus: str, source: str, kind: str, detail: Mapping[str, Any]) -> None:
        counted.events += not source.startswith("aws.")
        put(bus, source, kind, detail)

    functions.invoke, world.events.put = invoked, published  # type: ignore[method-assign]
    layers = world.account.layers
    world.account.layers = (Units(counted), *layers)
    try:
        yield
    finally:
        world.account.layers = layers
        del functions.invoke, world.events.put


class Units:
    """A layer of the strict AWS that counts DynamoDB's request units."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted
        self.rules: Mapping[str, Rule] = {
            "dynamodb.GetItem": self._read,
            "dynamodb.Query": self._read,
            "dynamodb.Scan": self._scan,
            "dynamodb.PutItem": self._write,
            "dynamodb.UpdateItem": self._write,
            "dynamodb.DeleteItem": self._write,
            "dynamodb.TransactWriteItems": self._transact,
        }

    def _read(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        items = answer.get("Items", [answer.get("Item", {})])
        self._add(sum(map(_size, items)))
        return answer

    def _scan(self, request: Request, proceed: Proceed) -> Response:
        """All that is read is paid for, also what the filter leaves out."""
        table = request.ask("Scan", TableName=request.parameters["TableName"])
        self._add(sum(map(_size, table["Items"])))
        return proceed(request)

    def _add(self, size: int) -> None:
        self._counted.read_calls += 1
        self._counted.reads[self._counted.running] += _units(size, _READ_BYTES)

    def _write(self, request: Request, proceed: Proceed) -> Response:
        self._counted.write_calls += 1
        self._counted.writes += _units(_size(request.parameters), _WRITE_BYTES)
        return proceed(request)

    def _transact(self, request: Request, proceed: Proceed) -> Response:
        items = request.parameters["TransactItems"]
        self._counted.write_calls += 1
        self._counted.writes += 2 * sum(_units(_size(each), _WRITE_BYTES) for each in items)
        return proceed(request)


def _units(size: int, each: int) -> int:
    return max(1, math.ceil(size / each))


def _size(item: Any) -> int:
    return len(json.dumps(item, default=str))


def metrics_in(said: str) -> Iterator[str]:
    """Yield what stands in CloudWatch's embedded metric format: each metric has a price."""
    for line in said.splitlines():
        document = json.loads(line)
        for part in document.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in part["Dimensions"]:
                where = " ".join(f"{name}={document[name]}" for name in names)
                yield from (f"{metric['Name']} {where}" for metric in part["Metrics"])


@dataclass(frozen=True, slots=True)
class Line:
    """amount: of a month; free: of it, to every account, always. price: USD of one."""

    what: str
    amount: float
    price: float
    free: float = 0.0

    @property
    def usd(self) -> float:
        return self.amount * self.price

    @property
    def usd_beyond_free(self) -> float:
        return max(0.0, self.amount - self.free) * self.price


def lines(counted: Counted) -> list[Line]:
    """Return what a month has, the dearest first."""
    month = _DAYS * 24 / counted.hours
    invocations = month * counted.invocations.total()
    traced = month * sum(n for name, n in counted.invocations.items() if _is_traced(name))
    gigabyte_seconds = month * sum(_memory(n) * each for n, each in counted.seconds.items())
    alarms = sum(each["Type"] == "AWS::CloudWatch::Alarm" for each in read()["Resources"].values())
    found = [
        Line("invocations of functions", invocations, _INVOCATION, 1_000_000),
        Line("their GB-seconds", gigabyte_seconds, _GB_SECOND, 400_000),
        Line("read units of the ledger", month * counted.reads.total(), _READ),
        Line("write units of the ledger", month * counted.writes, _WRITE),
        Line("reports of the host (events)", month * counted.events, _EVENT),
        Line("looks (scheduled events)", month * counted.invocations["ReconcilerFunction"], _EVENT),
        Line("executions of workflows", month * counted.executions, _STATES * _TRANSITION),
        Line("GB of logs", invocations * _LOG_BYTES / 1e9, _LOG_GB, 5),
        Line("traces of X-Ray", traced, _TRACE, 100_000),
        Line("metrics of the functions", float(len(counted.metrics)), _METRIC, 10),
        Line("alarms of the installation", float(alarms), _ALARM, 10),
    ]
    return sorted(found, key=lambda line: -line.usd)


def of_looks(counted: Counted) -> float:
    """Return what the looks of every minute cost in a month, in USD, without the free tier."""
    name, month = "ReconcilerFunction", _DAYS * 24 / counted.hours
    looks = counted.invocations[name]
    logs = looks * _LOG_BYTES / 1e9 * _LOG_GB
    time = _memory(name) * counted.seconds[name] * _GB_SECOND
    return month * (looks * (_INVOCATION + _EVENT) + time + counted.reads[name] * _READ + logs)


def _memory(name: str) -> float:
    """Return the function's memory in GB."""
    return float(_property(name, "MemorySize")) / 1024


def _is_traced(name: str) -> bool:
    return bool(_property(name, "Tracing") == "Active")


def _property(name: str, what: str) -> Any:
    """Return what the template says of a function, or of all of them."""
    document = read()
    own = document["Resources"].get(name, {}).get("Properties", {})
    return own.get(what, document["Globals"]["Function"][what])
