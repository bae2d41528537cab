"""Send metrics to CloudWatch once a minute: a heartbeat, and what the machine has left.

An alarm on `Heartbeat` must treat missing data as breaching.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from host.agent.certificate import Verdict
from host.machine.judgement import Facts

EVERY = 60.0  # seconds

log = logging.getLogger("lamplighter.agent")


class Metrics:
    """namespace: the only one that the instance role may write to."""

    def __init__(self, cloudwatch: Any, namespace: str, deployment: str) -> None:
        self._cloudwatch, self._namespace, self._deployment = cloudwatch, namespace, deployment
        self._next = float("-inf")
        self._problem: str | None = None

    def send(self, values: Callable[[], dict[str, float]], now: float) -> None:
        """Send them when due; a minute that could not be sent is lost, and the log says it once."""
        if now < self._next:
            return
        self._next = now + EVERY
        problem = self._put(values())
        if problem and problem != self._problem:
            log.warning("metrics not sent problem=%s", problem)
        self._problem = problem

    def _put(self, values: dict[str, float]) -> str | None:
        dimensions = [{"Name": "Deployment", "Value": self._deployment}]
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": _unit(name)}
            for name, value in values.items()
        ]
        try:
            self._cloudwatch.put_metric_data(Namespace=self._namespace, MetricData=data)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        except BotoCoreError as error:
            return type(error).__name__
        return None


def measured(
    *, serves: bool, repairs: int, facts: Facts | None, certificate: Verdict, wall: float
) -> dict[str, float]:
    """Return the metrics of now: counts, percent used, days. repairs: of the last half hour."""
    values = {"Heartbeat": 1.0, "Serving": float(serves), "LocalRepairs": float(repairs)}
    if (days := certificate.days_left(wall)) is not None:
        values["CertificateDaysLeft"] = round(days, 1)
    return values | ({} if facts is None else _of_machine(facts))


def _of_machine(facts: Facts) -> dict[str, float]:
    free, size = facts.memory
    values = {
        "DiskUsed": max((_used(*disk) for disk in facts.disks.values()), default=0.0),
        "MemoryUsed": _used(free, size),
    }
    if facts.gpus:
        used, there = facts.gpus.get("memory_used"), facts.gpus.get("memory_size")
        values["GpusMissing"] = float(max(facts.missing, facts.missing_in_container))
        values["GpuXids"] = float(sum(facts.xids.values()))
        if used is not None and there:
            values["GpuMemoryUsed"] = _used(there - used, there)
        if (busy := facts.gpus.get("utilisation")) is not None:
            values["GpuUtilization"] = float(busy)
    return values


def _used(free: int, size: int) -> float:
    """Return the used share in percent."""
    return round(100 * (size - free) / size, 1) if size else 0.0


def _unit(name: str) -> str:
    return "Percent" if name.endswith(("Used", "Utilization")) else "Count"
