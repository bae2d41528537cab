"""The faults, and what must hold of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from chaos import strikes
from chaos.scene import Scene

EVENTED = 10.0  # seconds until a repair of what AWS or the host reports has begun
SILENT = 65.0  # until what only a look finds is known: one a minute, and its delivery
SERVES, EXPLAINED, GONE = "serves", "explained", "gone"


@dataclass(frozen=True, slots=True)
class Fault:
    """what: one line for the table. ends: how it must end.

    began: within how many seconds a repair must have begun; known: within how many the fault must
    be known, where a repair waits on purpose. repairs: how many must help; None: any number.
    launches, executions: how many at most. first: the first rung. lasts: seconds that it is looked
    at, at least; afterwards: hours that are looked at after its end. again: its host was replaced
    before. without_capacity: seconds after which there is capacity again. is_quiet: no fault at
    all, for as long as `--hours` says.
    """

    what: str
    strike: Callable[[Scene], None]
    ends: str = SERVES
    began: float | None = None
    known: float | None = None
    repairs: int | None = 1
    launches: int = 1
    executions: int = 3
    first: str = ""
    lasts: float = 240.0
    afterwards: float = 0.0
    again: bool = False
    without_capacity: float | None = None
    is_quiet: bool = False


def _evented(what: str, strike: Callable[[Scene], None], first: str = "replace") -> Fault:
    return Fault(what, strike, began=EVENTED, first=first, launches=int(first == "replace"))


def _silent(what: str, strike: Callable[[Scene], None], first: str, **more: float) -> Fault:
    launches = int(first == "replace")
    given = {"known": SILENT, "launches": launches, **more}
    return Fault(what, strike, first=first, **given)  # type: ignore[arg-type]


def _quiet(what: str, strike: Callable[[Scene], None], executions: int = 0) -> Fault:
    return Fault(what, strike, repairs=0, launches=0, executions=executions, is_quiet=True)


_GPU = partial(strikes.host_failed, "hardware", "a GPU is lost: 0 of 1 answer")
_SETTING = partial(strikes.host_failed, "configuration", "max_model_len is too large")
_CRASH = partial(strikes.host_failed, None, "the engine crashed three times")
_SYSTEM = partial(strikes.check, "system", "alarm_system_check")
_INSTANCE = partial(strikes.check, "instance", "alarm_instance_check")
_DISK = partial(strikes.check, "attached-disk", "alarm_attached_ebs_check")

FAULTS: dict[str, Fault] = {
    "terminate": _evented("the instance is terminated", strikes.terminate),
    "stop": _evented("the instance is stopped", strikes.stop),
    "spot": _evented("a spot interruption: a warning, the end two minutes later", strikes.spot),
    "rebalance": _evented("a rebalance recommendation", strikes.rebalance),
    "retire": _evented("AWS Health announces the instance's retirement", strikes.retire),
    "host-failed": _evented("the host gives up, without a known cause", _CRASH, "reboot"),
    "host-failed-hardware": _evented("the host gives up: a GPU is lost", _GPU, "rehost"),
    "host-failed-configuration": Fault(
        "the host gives up: a setting is wrong",
        _SETTING,
        EXPLAINED,
        began=EVENTED,
        repairs=0,
        launches=0,
        first="explain",
        afterwards=2,
    ),
    "status-check-system": _silent("the hardware hangs; the system check fails", _SYSTEM, ""),
    "status-check-instance": _silent("the machine hangs; the instance check fails", _INSTANCE, ""),
    "attached-disk": _silent("the disk hangs; its check fails", _DISK, ""),
    "host-hangs": _silent("the machine hangs, every check passes", strikes.hang, "reconnect"),
    "unhealthy-for-long": _silent(
        "the engine stays unhealthy; the agent's own repairs fail", strikes.unhealthy, "reboot"
    ),
    "agent-lost": Fault(
        "the agent dies; the endpoint goes on answering",
        strikes.lose_agent,
        known=4 * 30 + SILENT,  # so many reports are missed first
        first="restart",
        launches=0,
        lasts=1500,
    ),
    "firewall-closed": _silent(
        "the firewall's rule is revoked", strikes.firewall_closed, "reconnect"
    ),
    "address-gone": _silent("the address is disassociated", strikes.address_gone, "reconnect"),
    "record-deleted": _silent("the DNS record is deleted", strikes.record_deleted, "reconnect"),
    "event-lost": _silent(
        "terminated, and every event of AWS is lost",
        partial(strikes.without_events, strikes.terminate),
        "replace",
    ),
    "stop-event-lost": _silent(
        "stopped, and every event of AWS is lost",
        partial(strikes.without_events, strikes.stop),
        "replace",
    ),
    "check-event-lost": _silent(
        "the system check fails, and every event of AWS is lost",
        partial(strikes.without_events, _SYSTEM),
        "",
    ),
    "event-storm": _evented("terminated, with 1,000 events about it in a minute", strikes.storm),
    "capacity-away": replace(
        _evented("terminated; no pool has capacity for 5 hours", strikes.capacity_away),
        without_capacity=3600 * strikes.CAPACITY_HOURS,
    ),
    "bad-model": Fault(
        "terminated; no new host can load the model",
        strikes.bad_model,
        EXPLAINED,
        began=EVENTED,
        repairs=0,
        launches=3,
        executions=8,
        first="replace",
        afterwards=24,
    ),
    "during-provision": Fault(
        "terminated while `lamplighter up` works",
        strikes.during_provision,
        repairs=None,
        launches=2,
    ),
    "during-teardown": Fault(
        "terminated while `lamplighter down` works",
        strikes.during_teardown,
        GONE,
        repairs=0,
        launches=0,
    ),
    "forged": Fault(
        "1,000 forged reports of a failure in a minute",
        strikes.forged,
        repairs=0,
        launches=0,
        executions=0,
        lasts=900,
        again=True,
    ),
    "healthy": _quiet("a healthy host", strikes.healthy),
    "loading": _quiet(
        "an engine that reloads every six hours, for up to 50 minutes", strikes.loading
    ),
    "saturated": _quiet("every other probe runs into its timeout", strikes.saturated),
    "saturated-at-random": _quiet(
        "half of the probes run into their timeout, in no order",
        strikes.saturated_at_random,
        executions=6,  # ten probes in vain happen now and then; the workflow's own look ends it
    ),
}
