"""`lamplighter events`: what happened to a deployment, oldest first."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from lamplighter.aws.account import Account
from lamplighter.aws.rows import Entry, Unreadable
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments.known import recorded, unread
from lamplighter.screens.layout import Facts
from lamplighter.screens.screen import Screen, moment, plain

_STYLES = {
    "incident": "red",
    "repair": "yellow",
    "provision": "green",
    "start": "green",
    "stop": "dim",
    "teardown": "dim",
}


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
    if follow:
        _follow(account, screen, name)
        return
    found = recorded(account.ledger(), name)
    document = {
        "events": [asdict(entry) for entry in found.timeline],
        "unreadable": [asdict(row) for row in found.unreadable],
    }
    screen.answer(document, *map(_line, found.timeline))
    if found.unreadable and not screen.json:
        screen.say(unread(found.unreadable))


def _follow(account: Account, screen: Screen, name: str) -> None:
    table, seen = account.ledger(), set[Entry | Unreadable]()
    while True:
        found = recorded(table, name)
        for entry in (each for each in found.timeline if each not in seen):
            screen.answer(asdict(entry), _line(entry))
        if rows := [each for each in found.unreadable if each not in seen]:
            screen.say(unread(rows))
        seen.update(found.timeline, found.unreadable)
        time.sleep(account.poll_seconds)


def _line(entry: Entry) -> Facts:
    when = plain(f"{moment(entry.at)}  ", "dim")
    when.append_text(plain(f"{entry.what:<9}", _STYLES.get(entry.what, "")))
    named = "" if entry.instance_id in entry.text else f"  {entry.instance_id}"
    return Facts([(when, plain(entry.text + named))])
