"""`lamplighter incidents`: the outages of a deployment, or one in full."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.text import Text

from lamplighter.aws.account import Account
from lamplighter.aws.rows import Incident
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments import incidents as known
from lamplighter.deployments.known import recorded, unread
from lamplighter.screens.figures import dollars, lasting
from lamplighter.screens.layout import Block, Facts, Listing
from lamplighter.screens.screen import facts, moment, plain, table

_STYLES = {"repaired": "green", "failed": "red", "unrepairable": "red"}
_HEADINGS = (
    *("INCIDENT", "SOURCE", "CAUSE", "RUNGS", "TOOK", "WITHOUT SERVICE", "FAILED REQUESTS"),
    *("COST", "OUTCOME"),
)


@click.command(
    epilog=example(
        "lamplighter incidents prod",
        "lamplighter incidents prod last",
        "lamplighter incidents prod 2026-11-28T10:54:00Z",
    )
)
@click.argument("name")
@click.argument("incident_id", metavar="[ID]", required=False)
@pass_options
def incidents(options: Options, name: str, incident_id: str | None) -> None:
    """Show a deployment's incidents, the newest first.

    With ID one in full: an id of the list, its beginning, or `last`.
    """
    account, screen = options.account(), options.screen()
    found = recorded(account.ledger(), name)
    if incident_id is not None:
        one = known.named(found.incidents, incident_id, name)
        document = known.document(one) | {"evidence_uri": _evidence(account, name, one)}
        screen.answer(document, *_full(account, name, one))
    else:
        newest = found.incidents[::-1]
        document = {
            "incidents": [known.document(one) for one in newest],
            "unreadable": [asdict(row) for row in found.unreadable],
        }
        drawn = _listed(newest) if newest else plain(f"{name} has had no incident")
        screen.answer(document, drawn)
    if found.unreadable and not screen.json:
        screen.say(unread(found.unreadable))


def outcome(one: Incident) -> Text:
    return plain(one.outcome or "open", _STYLES.get(one.outcome, "yellow"))


def rungs(one: Incident) -> str:
    """Return e.g. `reboot, replace`."""
    return ", ".join(rung.rung for rung in known.rungs(one))


def _listed(newest: Sequence[Incident]) -> Listing:
    rows = (
        (
            known.identity(one),
            one.source,
            one.cause or one.trigger,
            rungs(one),
            lasting(one.seconds),
            lasting(one.unserved_seconds),
            _number(one.failed_requests),
            _cost(one),
            outcome(one),
        )
        for one in newest
    )
    return table(*_HEADINGS, rows=rows, prose=("CAUSE", "RUNGS"))


def _full(account: Account, name: str, one: Incident) -> list[Text | Block]:
    steps = known.rungs(one)
    rows = (
        (
            rung.rung,
            moment(rung.at),
            lasting(rung.seconds),
            rung.outcome or "open",
            "; ".join(filter(None, (rung.why, rung.error))),
        )
        for rung in steps
    )
    drawn = table("RUNG", "AT", "TOOK", "OUTCOME", "WHY", rows=rows, prose=("WHY",))
    above = _facts(account, name, one)
    return [above, plain(""), drawn] if steps else [above]


def _facts(account: Account, name: str, one: Incident) -> Facts:
    evidence = _evidence(account, name, one)
    failed = _number(one.failed_requests)
    host = f"{one.instance_id}, generation {one.generation}" if one.generation else one.instance_id
    named: dict[str, str | Text] = {
        "incident": known.identity(one),
        "outcome": outcome(one),
        "cause": one.cause,
        "noticed by": one.source,
        "trigger": one.trigger,
        "instance": host,
        "replaced by": one.replaced_by,
        "detected": moment(one.detected_at),
        "began": moment(one.began_at),
        "closed": moment(one.closed_at),
        "took": lasting(one.seconds),
        "without service": lasting(one.unserved_seconds),
        "failed requests": f"{failed}, up to the host's last report" if failed else "",
        "cost": _cost(one),
        "execution": one.execution,
        "evidence": f"{evidence}\n`{_copied(evidence)}`" if evidence else "",
        "what to do": known.to_do(one, name),
    }
    return facts(named.items())


def _evidence(account: Account, name: str, one: Incident) -> str:
    """Return where the evidence is kept; empty where nothing was."""
    return f"s3://{account.bucket(name)}/{one.evidence}" if one.evidence else ""


def _copied(evidence: str) -> str:
    recursive = "--recursive " if evidence.endswith("/") else ""
    return f"aws s3 cp {recursive}{shlex.quote(evidence)} evidence/"


def _number(count: int | None) -> str:
    return "" if count is None else str(count)


def _cost(one: Incident) -> str:
    return dollars(one.cost_usd) if one.cost_usd else ""
