"""`lamplighter status`: every deployment in a line, or one in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from rich.text import Text

from lamplighter.aws import ledger, origins, releases
from lamplighter.aws.account import Account
from lamplighter.aws.rows import Deployment, Host, Incident, Records
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.commands.healing.incidents import outcome, rungs
from lamplighter.deployments import incidents as known
from lamplighter.deployments import rotation, schedule, spending
from lamplighter.deployments.known import recorded, unread
from lamplighter.deployments.pauses import is_paused
from lamplighter.deployments.schedule import Edge
from lamplighter.screens import figures
from lamplighter.screens.layout import Block, Facts
from lamplighter.screens.screen import Screen, facts, moment, plain, table

_STYLES = {"serving": "green", "failed": "red", "absent": "dim", "stopped": "dim", "asleep": "dim"}
_HALTED = ("stopped", "asleep")
_ORDINARY = {"", "present", "absent"}  # desired: the status says enough
_STILL_SERVES = "the last workflow failed, what served goes on serving"
_LAST_INCIDENTS = 5


@click.command(epilog=example("lamplighter status", "lamplighter status prod"))
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Also those that were torn down.")
@pass_options
def status(options: Options, name: str | None, *, everything: bool) -> None:
    """Show deployments and their health.

    Without NAME one line each, with NAME everything about that one.
    """
    if name is None:
        _all(options, everything=everything)
    else:
        _one(options, name)


def _all(options: Options, *, everything: bool) -> None:
    screen, now = options.screen(), datetime.now(UTC)
    account = options.account()
    every = ledger.everything(account.ledger())
    kept = [one for one in every if everything or one.deployment.status != "absent"]
    hidden, found = len(every) - len(kept), [one.deployment for one in kept]
    rows = (
        (
            one.name,
            _status(one, now),
            _phase(one.current),
            one.endpoint,
            one.current.instance_id,
            figures.month(spending.cost(one, now), spending.budget(one, now)),
            _since(one),
        )
        for one in found
    )
    headings = ("NAME", "STATUS", "PHASE", "ENDPOINT", "INSTANCE", "THIS MONTH", "SINCE")
    drawn = table(*headings, rows=rows, prose=("PHASE",))
    document = {
        "deployments": [_document(one, now, account) for one in found],
        "unreadable": [asdict(row) for one in kept for row in one.unreadable],
    }
    none = f"no deployments ({hidden} torn down: --all shows them)" if hidden else "no deployments"
    screen.answer(document, drawn if found else plain(none))
    for one in kept:
        _say_unread(screen, one)


def _one(options: Options, name: str) -> None:
    account, screen, now = options.account(), options.screen(), datetime.now(UTC)
    records = recorded(account.ledger(), name)
    found, incidents = records.deployment, records.incidents[-_LAST_INCIDENTS:]
    here = origins.here(found.endpoint, account.origins)
    document = _document(found, now, account) | {
        "here": here,
        "incidents": [known.document(incident) for incident in incidents],
        "unreadable": [asdict(row) for row in records.unreadable],
    }
    screen.answer(
        document, _facts(found, here, now, account), *_hosts(found.active), *_outages(incidents)
    )
    _say_unread(screen, records)


def _say_unread(screen: Screen, records: Records) -> None:
    if records.unreadable and not screen.json:
        screen.say(unread(records.unreadable))


def woken_at(account: Account, name: str) -> str:
    """Return the base URL at which a request wakes it; empty of an earlier installation."""
    url = account.installation.wake_url
    return f"{url.rstrip('/')}/{name}/v1" if url else ""


def _document(found: Deployment, now: datetime, account: Account) -> dict[str, Any]:
    """Return it for machines, with what it costs and whether its repairs are paused."""
    return found.document() | {
        "paused": is_paused(found, now),
        "cost": spending.cost(found, now),
        "budget": spending.budget(found, now),
        "schedule": _with_next(found.schedule, schedule.upcoming(found, now), now),
        "rotation": _with_next(found.rotation, rotation.upcoming(found, now), now),
        **{each: _halted(found, now, each, account) for each in _HALTED},
    }


def _with_next(stored: dict[str, Any], edge: Edge | None, now: datetime) -> dict[str, Any] | None:
    """Return a schedule or rotation as it is stored, and what it does `next`; None without one."""
    return stored | {"next": edge.document(now) if edge else None} if stored else None


def _older(found: Deployment, installed: str) -> str:
    """Name the hosts of a release before the installation's, and what brings them up."""
    old = [host for host in found.active if releases.is_older(host.release, installed)]
    if not old:
        return ""
    listed = ", ".join(f"{host.instance_id} ({host.release or 'no release named'})" for host in old)
    remedy = f"`lamplighter rotate {found.name}` brings them up"
    return f"{listed}: the installation is of {installed}, {remedy}"


def _facts(found: Deployment, here: str, now: datetime, account: Account) -> Facts:
    warnings, serves = found.current.warnings, found.status == "serving"
    cost = spending.cost(found, now)
    named: dict[str, str | Text] = {
        "name": found.name,
        "status": _status(found, now),
        "paused": _paused(found) if is_paused(found, now) else "",
        **{each: _rest(found, now) for each in _HALTED if found.status == each},
        "wake": woken_at(account, found.name) if found.status == "asleep" else "",
        "phase": _phase(found.current) if found.status not in _HALTED else "",
        "endpoint": found.endpoint,
        "here": here if here != found.endpoint else "",
        "instance": found.current.instance_id,
        "generation": str(found.generation or ""),
        "since": _since(found),
        "schedule": _next_edge(found, now),
        "rotation": _next_rotation(found, now),
        "expires": f"{moment(found.expires_at)}, torn down then" if found.expires_at else "",
        "reason": "" if serves else found.reason,
        "older": _older(found, account.installation.release),
        "change": f"under way: {found.next_execution}" if found.next_execution else "",
        "note": f"{_STILL_SERVES}: {found.reason}" if serves and found.reason else "",
        "warnings": plain("\n".join(warnings), "yellow") if warnings else "",
        "cost": figures.spent(cost),
        "budget": figures.used(spending.budget(found, now)),
        "not counted": plain("; ".join(cost["not_counted"]), "dim") if cost["since"] else "",
    }
    return facts(named.items())


def _hosts(hosts: Sequence[Host]) -> list[Text | Block]:
    """Return each host's part while there are several, e.g. during a repair."""
    rows = (
        (str(host.generation), host.role, _phase(host), host.instance_id, host.address)
        for host in hosts
    )
    headings = ("GENERATION", "ROLE", "PHASE", "INSTANCE", "ADDRESS")
    return [plain(""), table(*headings, rows=rows, prose=("PHASE",))] if len(hosts) > 1 else []


def _outages(incidents: Sequence[Incident]) -> list[Text | Block]:
    rows = (
        (
            known.identity(incident),
            outcome(incident),
            figures.lasting(incident.seconds),
            rungs(incident),
            incident.instance_id,
            incident.replaced_by,
            incident.trigger,
        )
        for incident in reversed(incidents)
    )
    headings = ("INCIDENT", "OUTCOME", "TOOK", "RUNGS", "INSTANCE", "REPLACED BY", "TRIGGER")
    drawn = table(*headings, rows=rows, prose=("RUNGS", "TRIGGER"))
    return [plain(""), drawn] if incidents else []


def _paused(found: Deployment) -> Text:
    until = f"until {moment(found.paused_until)}" if found.paused_until else "until it is resumed"
    why = f": {found.paused_why}" if found.paused_why else ""
    ends = f"`lamplighter resume {found.name}` ends it"
    return plain(f"{until}{why}; nothing is repaired, {ends}", "yellow")


def _halted(
    found: Deployment, now: datetime, status: str, account: Account
) -> dict[str, Any] | None:
    """Return what is known of its rest; None while it has another status."""
    rest = spending.while_stopped(found, now) if found.status == status else None
    if rest is None or status != "asleep":
        return rest
    url = woken_at(account, found.name)
    return rest | {"asked_by": found.asleep_by or None, "woken_at": url or None}


def _rest(found: Deployment, now: datetime) -> str:
    """Return since when nothing of it runs, what that costs, and how it starts again."""
    rest = spending.while_stopped(found, now) or {"since": None, "monthly_usd": 0}
    is_asleep = found.status == "asleep"
    by = " by its schedule" if found.stopped_by == "schedule" and not is_asleep else ""
    since = f"since {moment(rest['since'])}{by}; " if rest["since"] else ""
    why = f"asked for by {found.asleep_by}; " if is_asleep and found.asleep_by else ""
    costs = f"its disk and address cost {figures.dollars(rest['monthly_usd'])} a month"
    how = "; a request to the URL below, or" if is_asleep else ","
    return f"{since}{why}{costs}{how} `lamplighter start {found.name}` starts it"


def _next_edge(found: Deployment, now: datetime) -> str:
    """Say when it is started or stopped by itself, e.g. stops today 20:00 Europe/Berlin, in 3 h."""
    if not found.schedule or found.desired == "absent":
        return ""
    edge = schedule.upcoming(found, now)
    if edge is None:
        held = f"on hold, stopped by command: `lamplighter start {found.name}` resumes it"
        return held if found.desired == "stopped" else ""
    return f"{edge.action}s {_ahead(edge, now)}"


def _next_rotation(found: Deployment, now: datetime) -> str:
    """Say when its host is replaced by itself, e.g. Sun 2026-12-06 03:00 Europe/Berlin, in 97 h."""
    edge = rotation.upcoming(found, now)
    if edge is None:
        return ""
    when = "due now" if edge.at <= now else _ahead(edge, now)
    return when if found.desired == "present" else f"{when}, if it serves then"


def _ahead(edge: Edge, now: datetime) -> str:
    days = (edge.at.date() - now.astimezone(edge.at.tzinfo).date()).days
    day = {0: "today", 1: "tomorrow"}.get(days, f"{edge.at:%a %Y-%m-%d}")
    lasting = figures.lasting((edge.at - now).total_seconds())
    return f"{day} {edge.at:%H:%M} {edge.zone}, in {lasting}"


def _status(found: Deployment, now: datetime) -> Text:
    paused = ", paused" if is_paused(found, now) else ""
    desired = "" if found.desired in _ORDINARY | {found.status} else f", {found.desired} desired"
    style = "yellow" if paused else _STYLES.get(found.status, "yellow")
    return plain((found.status or "unknown") + desired + paused, style)


def _phase(host: Host) -> str:
    percent = "" if host.percent is None else f" {host.percent} %"
    cause = f": {host.cause}" if host.cause else ""
    return f"{host.phase}{percent}{cause}"


def _since(found: Deployment) -> str:
    """Since when it serves, or rests; otherwise when the row was last written."""
    moments = {
        "serving": found.served_at,
        "stopped": found.stopped_at,
        "asleep": found.asleep_at,
    }
    since = moments.get(found.status)
    return moment(since or found.updated_at)
