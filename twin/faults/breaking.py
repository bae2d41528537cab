"""From the name of a fault to what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lamplighter import faults
from lamplighter.errors import WrongUsage
from twin.faults import account, events, machine
from twin.faults.target import Target, clients_of, instance_of
from twin.record import Twin

DOES: Mapping[str, Callable[[Target], None]] = {
    "terminate": account.terminate,
    "stop": account.stop,
    "spot": events.spot,
    "rebalance": events.rebalance,
    "retire": events.retire,
    "status-check": account.status_check,
    "gateway-kill": machine.kill("gateway"),
    "engine-kill": machine.kill("engine"),
    "engine-wedge": machine.wedge,
    "agent-kill": machine.stop_agent,
    "gpu-xid": machine.condition("gpu-xid"),
    "gpu-lost": machine.condition("gpu-lost"),
    "disk-full": machine.condition("disk-full"),
    "bad-model": machine.bad_model,
    "event-lost": account.event_lost,
    "event-storm": events.storm,
    "capacity-away": account.capacity_away,
    "network-cut": account.network_cut,
    "clock-jump": machine.condition("clock-jump"),
}


def break_(
    twin: Twin,
    environment: Mapping[str, str],
    how: str,
    deployment: str | None,
    *,
    seconds: float | None,
    check: str | None,
) -> str:
    """Do it; return the instance's id, or empty for a fault of the account."""
    fault = faults.named(how)
    _check_options(fault, deployment, seconds, check)
    clients = clients_of(environment)
    if fault.of_account:
        target = Target(twin, clients, seconds=seconds)
    else:
        instance, owner = instance_of(clients("ec2"), deployment)
        target = Target(twin, clients, instance, owner, seconds, check or "system")
    DOES[fault.name](target)
    return target.instance


def _check_options(
    fault: faults.Fault, deployment: str | None, seconds: float | None, check: str | None
) -> None:
    if seconds is not None and not fault.lasts:
        able = ", ".join(each.name for each in faults.FAULTS if each.lasts)
        raise WrongUsage(f"--for does not apply to {fault.name}: it limits {able}")
    if check is not None and fault.name != "status-check":
        raise WrongUsage(f"--check does not apply to {fault.name}: it is for status-check")
    if deployment and fault.of_account:
        raise WrongUsage(f"--deployment does not apply to {fault.name}: it is of the whole account")
