"""`lamplighter events`: what happened to a deployment, oldest first."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from lamplighter.aws import ledger
from lamplighter.aws.account import Account
from lamplighter.aws.ledger import Entry
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments.known import known
from lamplighter.screens.layout import Facts
from lamplighter.screens.screen import Screen, moment, plain

_STYLES = {"incident": "red", "repair": "yellow", "provision": "green", "teardown": "dim"}


@click.command(epilog=example("lamplighter events prod --follow"))
@click.argument("name")
@click.option("--follow", is_flag=True, help="Go on with what happens next, until Ctrl-C.")
@pass_options
def events(options: Options, name: str, *, follow: bool) -> None:
    """Show what happened to a deployment.

    Phases, workflows and incidents, oldest first. With --json and --follow, every entry is a
    document of its own.
    """
    account, screen = options.account(), options.screen()
    known(account.ledger(), name)
    if follow:
        _follow(account, screen, name)
    else:
        entries = ledger.timeline(account.ledger(), name)
        screen.answer({"events": [asdict(entry) for entry in entries]}, *map(_line, entries))


def _follow(account: Account, screen: Screen, name: str) -> None:
    table, seen = account.ledger(), set[ledger.Entry]()
    while True:
        for entry in ledger.timeline(table, name):
            if entry not in seen:
                seen.add(entry)
                screen.answer(asdict(entry), _line(entry))
        time.sleep(account.poll_seconds)


def _line(entry: Entry) -> Facts:
    when = plain(f"{moment(entry.at)}  ", "dim")
    when.append_text(plain(f"{entry.what:<9}", _STYLES.get(entry.what, "")))
    named = "" if entry.instance_id in entry.text else f"  {entry.instance_id}"
    return Facts([(when, plain(entry.text + named))])
