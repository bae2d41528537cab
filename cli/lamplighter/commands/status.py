"""`lamplighter status`: every deployment in a line, or one in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.text import Text

from lamplighter.aws import ledger, origins
from lamplighter.aws.rows import Deployment, Host, Incident, Records
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments.known import recorded, unread
from lamplighter.screens.layout import Facts, Listing
from lamplighter.screens.screen import Screen, facts, moment, plain, table

_STYLES = {"serving": "green", "failed": "red", "absent": "dim", "stopped": "dim", "asleep": "dim"}
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
    screen = options.screen()
    every = ledger.everything(options.account().ledger())
    kept = [one for one in every if everything or one.deployment.status != "absent"]
    hidden, found = len(every) - len(kept), [one.deployment for one in kept]
    rows = (
        (
            one.name,
            _status(one),
            _phase(one.current),
            one.endpoint,
            one.current.instance_id,
            _since(one),
        )
        for one in found
    )
    drawn = table(
        "NAME", "STATUS", "PHASE", "ENDPOINT", "INSTANCE", "SINCE", rows=rows, prose=("PHASE",)
    )
    document = {
        "deployments": [one.document() for one in found],
        "unreadable": [asdict(row) for one in kept for row in one.unreadable],
    }
    none = f"no deployments ({hidden} torn down: --all shows them)" if hidden else "no deployments"
    screen.answer(document, drawn if found else plain(none))
    for one in kept:
        _say_unread(screen, one)


def _one(options: Options, name: str) -> None:
    account, screen = options.account(), options.screen()
    records = recorded(account.ledger(), name)
    found, incidents = records.deployment, records.incidents[-_LAST_INCIDENTS:]
    here = origins.here(found.endpoint, account.origins)
    document: dict[str, Any] = found.document() | {
        "here": here,
        "incidents": [asdict(incident) for incident in incidents],
        "unreadable": [asdict(row) for row in records.unreadable],
    }
    screen.answer(document, _facts(found, here), *_hosts(found.active), *_outages(incidents))
    _say_unread(screen, records)


def _say_unread(screen: Screen, records: Records) -> None:
    if records.unreadable and not screen.json:
        screen.say(unread(records.unreadable))


def _facts(found: Deployment, here: str) -> Facts:
    warnings, serves = found.current.warnings, found.status == "serving"
    named: dict[str, str | Text] = {
        "name": found.name,
        "status": _status(found),
        "phase": _phase(found.current),
        "endpoint": found.endpoint,
        "here": here if here != found.endpoint else "",
        "instance": found.current.instance_id,
        "generation": str(found.generation or ""),
        "since": _since(found),
        "reason": "" if serves else found.reason,
        "note": f"{_STILL_SERVES}: {found.reason}" if serves and found.reason else "",
        "warnings": plain("\n".join(warnings), "yellow") if warnings else "",
    }
    return facts(named.items())


def _hosts(hosts: Sequence[Host]) -> list[Listing]:
    """Return each host's part while there are several, e.g. during a repair."""
    rows = (
        (str(host.generation), host.role, _phase(host), host.instance_id, host.address)
        for host in hosts
    )
    headings = ("GENERATION", "ROLE", "PHASE", "INSTANCE", "ADDRESS")
    return [table(*headings, rows=rows, prose=("PHASE",))] if len(hosts) > 1 else []


def _outages(incidents: Sequence[Incident]) -> list[Listing]:
    rows = (
        (
            moment(incident.opened_at),
            incident.outcome or "open",
            "" if incident.seconds is None else f"{incident.seconds} s",
            incident.instance_id,
            incident.replaced_by,
            incident.trigger,
        )
        for incident in reversed(incidents)
    )
    headings = ("INCIDENT", "OUTCOME", "TOOK", "INSTANCE", "REPLACED BY", "TRIGGER")
    return [table(*headings, rows=rows, prose=("TRIGGER",))] if incidents else []


def _status(found: Deployment) -> Text:
    desired = "" if found.desired in _ORDINARY | {found.status} else f", {found.desired} desired"
    return plain((found.status or "unknown") + desired, _STYLES.get(found.status, "yellow"))


def _phase(host: Host) -> str:
    percent = "" if host.percent is None else f" {host.percent} %"
    cause = f": {host.cause}" if host.cause else ""
    return f"{host.phase}{percent}{cause}"


def _since(found: Deployment) -> str:
    """Since when it serves; otherwise when the row was last written."""
    return moment((found.status == "serving" and found.served_at) or found.updated_at)
