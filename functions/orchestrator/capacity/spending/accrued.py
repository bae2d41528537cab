"""What a deployment has cost so far, from its rows alone.

A host costs its instance, its root volume and one public address, from its launch to its end, at
the prices that were known at its launch; while its instance is stopped, the last two: what it ran
before its last start is kept in seconds by month. Between two hosts the deployment keeps an
address. The command line has the same arithmetic in cli/lamplighter/deployments/spending.py:
tests/contracts/accrued.json holds both to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orchestrator.capacity.pools import BLOCK
from orchestrator.ledger.rows import DeploymentRow, HostRow, Role, Status

NEVER_COUNTED = "data transfer, NAT gateway, logs, metrics, requests to S3, builds of images"
INSTANCES, VOLUMES, ADDRESSES, EARLIER = "instances", "volumes", "addresses", "earlier hosts"
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Charge:
    """What costs so many US dollars an hour; end: None is now, and goes on."""

    what: str
    usd_hour: float
    begin: datetime
    end: datetime | None

    def usd(self, since: datetime, until: datetime) -> float:
        """Return what of it falls between the two times."""
        end = min(self.end or until, until)
        return max((end - max(self.begin, since)).total_seconds(), 0) / _HOUR * self.usd_hour


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars. month: the calendar month (UTC) so far, by part; total: since `since`.

    hour_usd: at this moment. not_counted: what the figures lack, for a person.
    """

    month: str
    parts: dict[str, float] = field(default_factory=dict)
    total_usd: float = 0.0
    since: str | None = None
    hour_usd: float = 0.0
    not_counted: tuple[str, ...] = ()

    @property
    def month_usd(self) -> float:
        return sum(self.parts.values())

    def document(self) -> dict[str, Any]:
        return {
            "month": self.month,
            "month_usd": round(self.month_usd, 4),
            "parts": {what: round(usd, 4) for what, usd in self.parts.items()},
            "total_usd": round(self.total_usd, 4),
            "since": self.since,
            "hour_usd": round(self.hour_usd, 4),
            "not_counted": list(self.not_counted),
        }


def cost(row: DeploymentRow, hosts: Sequence[HostRow], now: datetime) -> Cost:
    """Return what the deployment has cost until now; hosts: every one that has a row."""
    charges, spent = _charges(row, hosts, now), _spent(row)
    month, first = f"{now:%Y-%m}", _first_of(now)
    parts = dict.fromkeys((INSTANCES, VOLUMES, ADDRESSES), 0.0)
    for charge in charges:
        parts[charge.what] += charge.usd(first, now)
    before = _of_earlier_runs(hosts)
    parts[INSTANCES] += before.get(month, 0.0)
    total = sum(charge.usd(charge.begin, now) for charge in charges) + sum(before.values())
    return Cost(
        month,
        parts | {EARLIER: spent["months"].get(month, 0.0)},
        total + sum(spent["months"].values()),
        _since(spent, charges),
        sum(charge.usd_hour for charge in charges if charge.end is None),
        (*_not_counted(hosts, spent["unpriced"]), NEVER_COUNTED),
    )


def of_host(host: HostRow, now: datetime) -> float | None:
    """Return what the host has cost until now; None where its instance's price is not known."""
    if _unknown(host) or _unpriced(host):
        return None
    before = sum(_of_earlier_runs([host]).values())
    return before + sum(charge.usd(charge.begin, now) for charge in _of_host(host))


def ran(host: HostRow, now: datetime) -> dict[str, str]:
    """Return what the row of a host keeps that is started again: {"started_at", "ran"}.

    Nothing where it was not stopped.
    """
    begin, end = _moment(host.started_at or host.launched_at), _moment(host.stopped_at)
    if begin is None or end is None:
        return {}
    seconds = _ran(host)
    run = Charge(INSTANCES, float(_HOUR), begin, end)  # a dollar a second
    for since, until in _months([run], end):
        month = f"{since:%Y-%m}"
        seconds[month] = round(seconds.get(month, 0.0) + run.usd(since, until), 3)
    return {"started_at": now.isoformat(), "ran": json.dumps(seconds, sort_keys=True)}


def of_hosts_since(hosts: Sequence[HostRow], since: str | None, now: datetime) -> float | None:
    """Return what the hosts that were launched since then have cost until now: what a repair took.

    None where a price is not known.
    """
    begin = _moment(since)
    known = ((host, _moment(host.launched_at)) for host in hosts)
    taken = [of_host(host, now) for host, at in known if begin and at and at >= begin]
    usd = [each for each in taken if each is not None]
    return round(sum(usd), 4) if len(usd) == len(taken) else None


def remembered(
    row: DeploymentRow, hosts: Sequence[HostRow], forgotten: Sequence[HostRow], now: datetime
) -> str:
    """Return the deployment's `spent` once the rows of `forgotten` are gone.

    hosts: every one that has a row. What the deployment has cost stays the same by it.
    """
    spent, gone = _spent(row), {host.generation for host in forgotten}
    kept = [host for host in hosts if host.generation not in gone]
    before, after = _charges(row, hosts, now), _charges(row, kept, now)
    months: dict[str, float] = spent["months"]
    for since, until in _months(before, now):
        usd = sum(each.usd(since, until) for each in before)
        usd -= sum(each.usd(since, until) for each in after)
        months[f"{since:%Y-%m}"] = round(months.get(f"{since:%Y-%m}", 0.0) + usd, 6)
    for month, usd in _of_earlier_runs(forgotten).items():
        months[month] = round(months.get(month, 0.0) + usd, 6)
    spent["since"] = _since(spent, before)
    spent["unpriced"] += len(list(_not_counted(forgotten, 0)))
    return json.dumps(spent, sort_keys=True)


def _spent(row: DeploymentRow) -> dict[str, Any]:
    """Return what hosts have cost whose rows are gone; nothing where it is of another form."""
    empty: dict[str, Any] = {"since": None, "months": {}, "unpriced": 0}
    try:
        kept: dict[str, Any] = json.loads(row.spent or "{}")
        months = {str(month): float(usd) for month, usd in kept.get("months", {}).items()}
        return empty | kept | {"months": months}
    except (AttributeError, TypeError, ValueError):
        return empty


def _since(spent: Mapping[str, Any], charges: Sequence[Charge]) -> str | None:
    kept: str | None = spent["since"]
    return kept or min((each.begin.isoformat() for each in charges), default=None)


def _charges(row: DeploymentRow, hosts: Sequence[HostRow], now: datetime) -> list[Charge]:
    of_hosts = [charge for host in hosts for charge in _of_host(host)]
    return [*of_hosts, *_between(of_hosts, now, is_kept=row.status != Status.ABSENT)]


def _of_host(host: HostRow) -> Iterator[Charge]:
    begin, end = _moment(host.launched_at), _moment(host.ended_at)
    if begin is None or _unknown(host):
        return
    ends = [each for each in (end, _moment(host.stopped_at)) if each]
    started = _moment(host.started_at) or begin
    yield Charge(INSTANCES, _usd(host.price_usd_hour), started, min(ends, default=None))
    yield Charge(VOLUMES, _usd(host.volume_usd_hour), begin, end)
    yield Charge(ADDRESSES, _usd(host.address_usd_hour), begin, end)


def _of_earlier_runs(hosts: Sequence[HostRow]) -> dict[str, float]:
    """Return what the hosts' instances have cost before their last start, by month."""
    months: dict[str, float] = {}
    for host in (each for each in hosts if not _unknown(each)):
        for month, seconds in _ran(host).items():
            usd = seconds / _HOUR * _usd(host.price_usd_hour)
            months[month] = months.get(month, 0.0) + usd
    return months


def _ran(host: HostRow) -> dict[str, float]:
    """Return the seconds by month; nothing where they are of another form."""
    try:
        kept = json.loads(host.ran or "{}")
        return {str(month): float(seconds) for month, seconds in kept.items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def _between(charges: Sequence[Charge], now: datetime, *, is_kept: bool) -> Iterator[Charge]:
    """Yield the deployment's address while no host has it; is_kept: after the last one, too."""
    addresses = sorted((c for c in charges if c.what == ADDRESSES), key=lambda each: each.begin)
    until: datetime | None = None
    usd_hour = 0.0
    for each in addresses:
        if until and each.begin > until:
            yield Charge(ADDRESSES, usd_hour, until, each.begin)
        until, usd_hour = max(until or each.begin, each.end or now), each.usd_hour
    if until and is_kept and all(each.end for each in addresses):
        yield Charge(ADDRESSES, usd_hour, until, None)


def _not_counted(hosts: Sequence[HostRow], unpriced: int) -> Iterator[str]:
    if unpriced:
        yield f"earlier hosts, {unpriced} of them, wholly or in part"
    for host in hosts:
        if why := _unknown(host) or _unpriced(host):
            yield f"host {host.generation}: {why}"


def _unknown(host: HostRow) -> str | None:
    """Return why nothing of the host can be counted."""
    if host.instance_id and not _moment(host.launched_at):
        return "when it was launched is not known"
    if host.instance_id and host.role == Role.RETIRED and not _moment(host.ended_at):
        return "when it ended is not known"
    return None


def _unpriced(host: HostRow) -> str | None:
    if not host.launched_at or _usd(host.price_usd_hour):
        return None
    is_paid = host.market == BLOCK
    return "paid for with its capacity block" if is_paid else "its instance's price is not known"


def _months(charges: Sequence[Charge], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the begin and end of each calendar month from the first charge to now."""
    begin = _first_of(min((each.begin for each in charges), default=now))
    while begin <= now:
        following = _first_of(begin + timedelta(days=31))
        yield begin, min(following, now)
        begin = following


def _first_of(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _usd(price: object) -> float:
    return float(price) if isinstance(price, int | float) else 0.0


def _moment(at: object) -> datetime | None:
    """Return the time; None where there is none, or one of another form: a teardown goes on."""
    try:
        found = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
