"""What a deployment has cost so far, and what it costs now, from its rows alone.

The arithmetic is the orchestrator's (functions/orchestrator/capacity/spending/accrued.py), and
tests/contracts/accrued.json holds both to the same figures: each host costs its instance, its root
volume and one public address, at the prices of its launch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lamplighter.aws.rows import Deployment, Host

NEVER_COUNTED = "data transfer, NAT gateway, logs, metrics, requests to S3, builds of images"
_INSTANCES, _VOLUMES, _ADDRESSES = "instances", "volumes", "addresses"
_HOUR = 3600
_MONTH_HOURS = 730  # as AWS counts


@dataclass(frozen=True, slots=True)
class _Charge:
    """So many US dollars an hour from `begin` on; end: None is still."""

    what: str
    usd_hour: float
    begin: datetime
    end: datetime | None

    def usd(self, since: datetime, until: datetime) -> float:
        end = min(self.end or until, until)
        return max((end - max(self.begin, since)).total_seconds(), 0) / _HOUR * self.usd_hour


def cost(found: Deployment, now: datetime) -> dict[str, Any]:
    """Return the figures in US dollars, for machines.

    {"month", "month_usd", "parts": of the month, "total_usd", "since", "hour_usd", "not_counted"}.
    The month is the calendar month of `now`, UTC.
    """
    charges, spent = list(_charges(found, now)), _spent(found)
    month, first = f"{now:%Y-%m}", now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    parts = {
        what: sum(each.usd(first, now) for each in charges if each.what == what)
        for what in (_INSTANCES, _VOLUMES, _ADDRESSES)
    } | {"earlier hosts": spent["months"].get(month, 0.0)}
    before = _of_earlier_runs(found.hosts)
    parts[_INSTANCES] += before.get(month, 0.0)
    total = sum(each.usd(each.begin, now) for each in charges)
    total += sum(before.values()) + sum(spent["months"].values())
    begun = min((each.begin.isoformat() for each in charges), default=None)
    return {
        "month": month,
        "month_usd": round(sum(parts.values()), 4),
        "parts": {what: round(usd, 4) for what, usd in parts.items()},
        "total_usd": round(total, 4),
        "since": spent["since"] or begun,
        "hour_usd": round(sum(each.usd_hour for each in charges if each.end is None), 4),
        "not_counted": [*_not_counted(found.hosts, spent), NEVER_COUNTED],
    }


def while_stopped(found: Deployment, now: datetime) -> dict[str, Any] | None:
    """Return {"since", "monthly_usd"} of one that is stopped or asleep: its disk and address.

    None while it is neither.
    """
    since = {"stopped": found.stopped_at, "asleep": found.asleep_at}
    if found.status not in since:
        return None
    return {
        "since": since[found.status] or None,
        "monthly_usd": round(cost(found, now)["hour_usd"] * _MONTH_HOURS, 2),
    }


def budget(found: Deployment, now: datetime) -> dict[str, Any] | None:
    """Return {"monthly_usd", "used_percent"} of this month; None without a budget."""
    if not found.monthly_usd:
        return None
    share = cost(found, now)["month_usd"] / found.monthly_usd * 100
    return {"monthly_usd": found.monthly_usd, "used_percent": int(share)}


def _spent(found: Deployment) -> dict[str, Any]:
    """Return what hosts have cost whose rows are gone; nothing where it is of another form."""
    empty: dict[str, Any] = {"since": None, "months": {}, "unpriced": 0}
    try:
        kept: dict[str, Any] = json.loads(found.spent or "{}")
        months = {str(month): float(usd) for month, usd in kept.get("months", {}).items()}
        return empty | kept | {"months": months}
    except (AttributeError, TypeError, ValueError):
        return empty


def _charges(found: Deployment, now: datetime) -> Iterator[_Charge]:
    of_hosts = [charge for host in found.hosts for charge in _of_host(host)]
    yield from of_hosts
    addresses = sorted((c for c in of_hosts if c.what == _ADDRESSES), key=lambda each: each.begin)
    yield from _between(addresses, now, is_kept=found.status != "absent")


def _of_host(host: Host) -> Iterator[_Charge]:
    begin, end = _moment(host.launched_at), _moment(host.ended_at)
    if begin is None or _unknown(host):
        return
    ends = [each for each in (end, _moment(host.stopped_at)) if each]
    started = _moment(host.started_at) or begin
    yield _Charge(_INSTANCES, host.price_usd_hour, started, min(ends, default=None))
    yield _Charge(_VOLUMES, host.volume_usd_hour, begin, end)
    yield _Charge(_ADDRESSES, host.address_usd_hour, begin, end)


def _of_earlier_runs(hosts: Iterable[Host]) -> dict[str, float]:
    """Return what the hosts' instances have cost before their last start, by month."""
    months: dict[str, float] = {}
    for host in (each for each in hosts if not _unknown(each)):
        for month, seconds in _ran(host).items():
            usd = seconds / _HOUR * host.price_usd_hour
            months[month] = months.get(month, 0.0) + usd
    return months


def _ran(host: Host) -> dict[str, float]:
    """Return the seconds by month; nothing where they are of another form."""
    try:
        kept = json.loads(host.ran or "{}")
        return {str(month): float(seconds) for month, seconds in kept.items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def _between(addresses: Sequence[_Charge], now: datetime, *, is_kept: bool) -> Iterator[_Charge]:
    """Yield the deployment's address while no host has it; is_kept: after the last one, too."""
    until: datetime | None = None
    usd_hour = 0.0
    for each in addresses:
        if until and each.begin > until:
            yield _Charge(_ADDRESSES, usd_hour, until, each.begin)
        until, usd_hour = max(until or each.begin, each.end or now), each.usd_hour
    if until and is_kept and all(each.end for each in addresses):
        yield _Charge(_ADDRESSES, usd_hour, until, None)


def _not_counted(hosts: Iterable[Host], spent: Mapping[str, Any]) -> Iterator[str]:
    if spent["unpriced"]:
        yield f"earlier hosts, {spent['unpriced']} of them, wholly or in part"
    for host in hosts:
        if why := _unknown(host) or _unpriced(host):
            yield f"host {host.generation}: {why}"


def _unknown(host: Host) -> str:
    """Return why nothing of the host can be counted; empty where something can."""
    if host.instance_id and not host.launched_at:
        return "when it was launched is not known"
    if host.instance_id and host.role == "retired" and not host.ended_at:
        return "when it ended is not known"
    return ""


def _unpriced(host: Host) -> str:
    if not host.launched_at or host.price_usd_hour:
        return ""
    is_paid = host.market == "capacity-block"
    return "paid for with its capacity block" if is_paid else "its instance's price is not known"


def _moment(at: str) -> datetime | None:
    return datetime.fromisoformat(at) if at else None
