"""The faults of `lamplighter local break` that are sampled, and what must hold of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from twin import control as twins
from twinlab import Installation

from chaos.faults import EVENTED, SILENT, Fault

NAME = "alpha"
_WEDGED = 120.0  # an engine that answers for its health, and produces nothing
_SHORT = 60  # seconds without capacity
_AGENT = 4 * 30 + SILENT  # so many reports are missed first


class Notice(Enum):
    """What is waited for: a fault is not over before."""

    REPAIR = "a repair that ended"
    OUTAGE = "a request that failed"
    WARNING = "a warning of the host"
    TIME = "nothing: it does no harm"


@dataclass(frozen=True, slots=True)
class Sample:
    fault: Fault
    notice: Notice


def _strike(name: str, options: dict[str, Any], aws: Installation) -> None:
    twins.break_(aws.twin.state, name, NAME, **options)


def _without_capacity(aws: Installation) -> None:
    """A pool that refused rests for three minutes; capacity is back after one."""
    twins.break_(aws.twin.state, "capacity-away", seconds=_SHORT)
    _strike("terminate", {}, aws)


def _repaired(name: str, what: str, first: str, **more: Any) -> Sample:
    """By one workflow. more: limits, and options of the fault."""
    limits = {each: more.pop(each) for each in ("began", "known") if each in more}
    fault = Fault(what, partial(_strike, name, more), first=first, **limits)
    return Sample(fault, Notice.REPAIR)


def _by_the_host(name: str, what: str, notice: Notice = Notice.OUTAGE, **limits: float) -> Sample:
    """Without a workflow. limits: known."""
    none = {"repairs": 0, "launches": 0, "executions": 0}
    fault = Fault(what, partial(_strike, name, {}), **none, **limits)  # type: ignore[arg-type]
    return Sample(fault, notice)


SAMPLES: dict[str, Sample] = {
    "gateway-kill": _by_the_host("gateway-kill", "the gateway is killed"),
    "engine-kill": _by_the_host("engine-kill", "the engine is killed"),
    "engine-wedge": _by_the_host(
        "engine-wedge", "the engine answers for its health and produces nothing", known=_WEDGED
    ),
    "disk-full": _by_the_host("disk-full", "1 % of the disk is free", Notice.WARNING, known=SILENT),
    "clock-jump": _by_the_host("clock-jump", "the clock is an hour ahead", Notice.TIME),
    "agent-kill": _repaired("agent-kill", "the agent ends and stays down", "restart", known=_AGENT),
    "gpu-xid": _repaired("gpu-xid", "a GPU falls off the bus (Xid 79)", "rehost", began=EVENTED),
    "gpu-lost": _repaired("gpu-lost", "a GPU is gone", "rehost", began=EVENTED),
    "status-check-system": _repaired(
        "status-check", "the hardware hangs; its check fails", "", known=SILENT
    ),
    "status-check-instance": _repaired(
        "status-check", "the machine hangs; its check fails", "", known=SILENT, check="instance"
    ),
    "network-cut": _repaired("network-cut", "the address leads nowhere", "reconnect", known=SILENT),
    "terminate": _repaired("terminate", "the instance is terminated", "replace", began=EVENTED),
    "capacity-away": Sample(
        Fault(
            "terminated; no capacity for a minute",
            _without_capacity,  # type: ignore[arg-type]
            began=EVENTED,
            first="replace",
            without_capacity=_SHORT,
        ),
        Notice.REPAIR,
    ),
    "stop": _repaired("stop", "the instance is stopped", "replace", began=EVENTED),
    "spot": _repaired("spot", "a spot interruption", "replace", began=EVENTED),
    "retire": _repaired("retire", "AWS Health announces a retirement", "replace", began=EVENTED),
}
