"""`lamplighter status`: every deployment in a line, or one in full."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from rich.text import Text

from lamplighter.aws import ledger, origins
from lamplighter.aws.ledger import Deployment, Incident
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments.known import known
from lamplighter.screens.layout import Facts, Listing
from lamplighter.screens.screen import facts, moment, plain, table

_STYLES = {"serving": "green", "failed": "red", "absent": "dim"}
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
    recorded = ledger.deployments(options.account().ledger())
    found = [one for one in recorded if everything or one.status != "absent"]
    hidden = len(recorded) - len(found)
    rows = (
        (one.name, _status(one), _phase(one), one.endpoint, one.instance_id, _since(one))
        for one in found
    )
    drawn = table(
        "NAME", "STATUS", "PHASE", "ENDPOINT", "INSTANCE", "SINCE", rows=rows, prose=("PHASE",)
    )
    document = {"deployments": [asdict(one) for one in found]}
    none = f"no deployments ({hidden} torn down: --all shows them)" if hidden else "no deployments"
    options.screen().answer(document, drawn if found else plain(none))


def _one(options: Options, name: str) -> None:
    account = options.account()
    rows = account.ledger()
    found = known(rows, name)
    here = origins.here(found.endpoint, account.origins)
    incidents = ledger.incidents(rows, name)[-_LAST_INCIDENTS:]
    document: dict[str, Any] = asdict(found) | {"here": here}
    document["incidents"] = [asdict(incident) for incident in incidents]
    options.screen().answer(document, _facts(found, here), *_outages(incidents))


def _facts(found: Deployment, here: str) -> Facts:
    named: dict[str, str | Text] = {
        "name": found.name,
        "status": _status(found),
        "phase": _phase(found),
        "endpoint": found.endpoint,
        "here": here if here != found.endpoint else "",
        "instance": found.instance_id,
        "generation": str(found.generation or ""),
        "since": _since(found),
        "reason": found.reason,
        "warnings": plain("\n".join(found.warnings), "yellow") if found.warnings else "",
    }
    return facts(named.items())


def _outages(incidents: list[Incident]) -> list[Listing]:
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
    return plain(found.status or "unknown", _STYLES.get(found.status, "yellow"))


def _phase(found: Deployment) -> str:
    percent = "" if found.phase_percent is None else f" {found.phase_percent} %"
    cause = f": {found.phase_cause}" if found.phase_cause else ""
    return f"{found.phase}{percent}{cause}"


def _since(found: Deployment) -> str:
    """Since when it serves; otherwise when the row was last written."""
    return moment((found.status == "serving" and found.served_at) or found.updated_at)
