"""The notices that there are, written from the ledger's rows: pure functions."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from orchestrator.ledger.rows import CapacityRow, DeploymentRow, HostRow, IncidentRow, Status
from orchestrator.notices.notice import Kind, Notice, moment
from orchestrator.settings import Settings

CAPACITY_AFTER = timedelta(minutes=10)  # a shorter wait is no news
_DEFAULT_STACK = "lamplighter"  # the command's own
_NEAR, _SPENT = 0.8, 1.0  # shares of the budget
_GOES_ON = (
    "It goes on serving and costing. Raise budget.monthly_usd, or take it down with the second "
    "command."
)
_LONGER = (
    "Nothing needs to be done if that is meant; else give expires_after a longer time in the "
    "specification, or leave it out, and run `lamplighter up` with it."
)
_GONE = "Nothing needs to be done. `lamplighter up` with its specification makes it again."
_STOPS = (
    "It is being stopped, as budget.at_limit asks for; its disk and address go on costing. It "
    "stays stopped, also in the next month, until the second command starts it."
)


def repaired(settings: Settings, name: str, row: DeploymentRow, incident: IncidentRow) -> Notice:
    """An outage is over."""
    lasted = duration(incident.unserved_seconds or incident.seconds or 0)
    by = f" Repaired by: {', '.join(rungs)}." if (rungs := _rungs(incident)) else ""
    return _of_incident(
        settings,
        name,
        incident,
        kind=Kind.REPAIRED,
        title=f"{name} serves again after {lasted}",
        what=f"{_endpoint(name, row)} had stopped serving: {_cause(incident)}. "
        f"It serves again.{_host(incident)}{_damage(incident)}",
        action=f"Nothing needs to be done.{by}",
        commands=(command(settings, f"status {name}"),),
    )


def repair_failed(
    settings: Settings, name: str, row: DeploymentRow, incident: IncidentRow
) -> Notice:
    """A repair ended without success; the deployment's reason says why."""
    serves = row.status == Status.SERVING
    state = "It answers nevertheless." if serves else "It does not serve."
    return _of_incident(
        settings,
        name,
        incident,
        kind=Kind.REPAIR_FAILED,
        title=f"{name}: the repair failed" + (", it still serves" if serves else ", it is down"),
        what=f"{_endpoint(name, row)} was repaired because of: {_cause(incident)}. "
        f"The repair failed: {row.reason or 'no reason was recorded'}. {state}{_damage(incident)}",
        action="Lamplighter tries again within its limits. Look at the reason; the second command "
        "tries now.",
        commands=_look_then(settings, name, f"repair {name}"),
    )


def explained(settings: Settings, name: str, row: DeploymentRow, incident: IncidentRow) -> Notice:
    """No repair helps, or all were tried: somebody has to correct the cause."""
    kept = f" Evidence in the deployment's bucket: {where}." if (where := incident.evidence) else ""
    tried = f" Tried: {', '.join(rungs)}." if (rungs := _rungs(incident)) else ""
    return _of_incident(
        settings,
        name,
        incident,
        kind=Kind.EXPLAINED,
        title=f"{name} is down, and no repair helps",
        what=f"{_endpoint(name, row)} does not serve: {row.reason or _cause(incident)}."
        f"{tried}{kept}{_damage(incident)}",
        action="Lamplighter has stopped repairing it. Correct the cause, then run the second "
        f"command; `{command(settings, f'down {name}')}` ends it and its cost.",
        commands=_look_then(settings, name, f"repair {name} --force"),
    )


def waiting_for_capacity(
    settings: Settings, name: str, capacity: CapacityRow, host: HostRow | None, now: datetime
) -> Notice | None:
    """AWS has had no capacity for ten minutes; None: it is no news yet.

    host: the one that is waited for; its cause names the pools.
    """
    if capacity.since is None or now - datetime.fromisoformat(capacity.since) < CAPACITY_AFTER:
        return None
    pools = host.cause if host and host.cause else "the instance of the specification"
    until = f" until {moment(capacity.until)}" if capacity.until else ""
    return Notice(
        kind=Kind.WAITING_FOR_CAPACITY,
        key=f"{_last_part(capacity.execution)}#{capacity.generation}",
        title=f"{name} waits for capacity at AWS",
        what=f"AWS has no capacity for a host of {name}: {pools}.",
        since=capacity.since,
        action=f"Lamplighter asks every few minutes{until}. Nothing needs to be done; more types, "
        "zones or markets in the specification make an instance likelier.",
        commands=(command(settings, f"status {name}"),),
        place=place(settings),
        deployment=name,
    )


def budget(
    settings: Settings,
    name: str,
    month: datetime,
    spent_usd: float,
    monthly_usd: float,
    *,
    stops: bool = False,
) -> Notice | None:
    """80 % or all of the month's budget is spent; None: less is.

    month: any moment of it, in UTC. stops: the deployment is stopped for it.
    """
    share = spent_usd / monthly_usd
    if share < _NEAR:
        return None
    since = month.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Notice(
        kind=Kind.BUDGET_100 if share >= _SPENT else Kind.BUDGET_80,
        key=f"{since:%Y-%m}/{monthly_usd:g}",
        title=f"{name} has spent {share:.0%} of its budget for {since:%B}",
        what=f"{name} has cost ${spent_usd:,.2f} this month; its budget.monthly_usd is "
        f"${monthly_usd:,.2f}.",
        since=since.isoformat(),
        action=_STOPS if stops else _GOES_ON,
        commands=_look_then(settings, name, f"{'start' if stops else 'down'} {name}"),
        place=place(settings),
        deployment=name,
    )


def expiry(settings: Settings, name: str, ends: str, *, is_over: bool) -> Notice:
    """Its time is over, or within a day. ends: ISO-8601 UTC."""
    asked = f"its expires_after ends at {moment(ends)}"
    return Notice(
        kind=Kind.EXPIRED if is_over else Kind.EXPIRES,
        key=ends,
        title=f"{name} has expired: it is torn down" if is_over else f"{name} expires within a day",
        what=f"{name} is torn down for good: {asked}."
        if is_over
        else f"{name} will be torn down for good, with its keys and its address: {asked}.",
        since=ends,
        action=_GONE if is_over else _LONGER,
        commands=(command(settings, f"status {name}"),),
        place=place(settings),
        deployment=name,
    )


def certificate(
    settings: Settings, name: str, row: DeploymentRow, warning: str, since: str
) -> Notice:
    """The host warns of its certificate. since: when it did so first."""
    return Notice(
        kind=Kind.CERTIFICATE,
        key=since,
        title=f"{name}: its certificate needs attention",
        what=f"The host behind {_endpoint(name, row)} reports: {warning}.",
        since=since,
        action="The host goes on trying. Clients are refused once the certificate has expired: "
        "check the DNS records and dns.domain; the second command starts with a new host.",
        commands=_look_then(settings, name, f"repair {name} --force"),
        place=place(settings),
        deployment=name,
    )


def test(settings: Settings, at: str) -> Notice:
    """An operator asks where notices go."""
    return Notice(
        kind=Kind.TEST,
        key=at,
        title="a test notice",
        what=f"This is a test: notices of the {place(settings)} arrive here.",
        since=at,
        action="Nothing needs to be done.",
        commands=(command(settings, "status"),),
        place=place(settings),
    )


def command(settings: Settings, words: str) -> str:
    """Return a command line that works wherever its reader is."""
    stack = settings.installation
    named = f" --stack {stack}" if stack != _DEFAULT_STACK else ""
    return f"lamplighter {words} --region {settings.region}{named}"


def place(settings: Settings) -> str:
    return (
        f"installation {settings.installation}, account {settings.account}, "
        f"region {settings.region}"
    )


def duration(seconds: float) -> str:
    """Return e.g. `42 s`, `6 min 2 s`, `3 h 10 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours} h {of_hour} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _of_incident(
    settings: Settings,
    name: str,
    incident: IncidentRow,
    *,
    kind: Kind,
    title: str,
    what: str,
    action: str,
    commands: tuple[str, ...],
) -> Notice:
    since = incident.detected_at or incident.opened_at
    key = f"{incident.opened_at}#{_last_part(incident.execution)}"
    return Notice(
        kind, key, title, what, since, action, commands, place(settings), name, incident=key
    )


def _look_then(settings: Settings, name: str, words: str) -> tuple[str, ...]:
    return command(settings, f"status {name}"), command(settings, words)


def _endpoint(name: str, row: DeploymentRow) -> str:
    return row.endpoint or name


def _cause(incident: IncidentRow) -> str:
    return incident.cause or incident.trigger or "no cause was recorded"


def _host(incident: IncidentRow) -> str:
    if not incident.replaced_by:
        return ""
    return f" It runs on {incident.replaced_by}, in the place of {incident.instance_id}."


def _damage(incident: IncidentRow) -> str:
    """Say what clients saw, as far as it is known."""
    asked, failed = incident.unserved_seconds, incident.failed_requests
    seen = f" By probes from outside it did not answer for {duration(asked)}." if asked else ""
    count = "1 request" if failed == 1 else f"{failed} requests"
    return f"{seen} {count} failed up to the host's last report." if failed else seen


def _rungs(incident: IncidentRow) -> list[str]:
    """Return the names of the steps that were tried; none where the row has another form."""
    try:
        tried = json.loads(incident.rungs or "[]")
    except ValueError:
        return []
    return [str(each["rung"]) for each in tried if isinstance(each, dict) and "rung" in each]


def _last_part(execution: str | None) -> str:
    return (execution or "").rpartition(":")[2]
