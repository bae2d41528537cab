"""`lamplighter history`: the specifications that a deployment has served with."""

from __future__ import annotations

from dataclasses import asdict

import click

from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments import changes
from lamplighter.deployments.known import recorded
from lamplighter.screens.screen import moment, plain, table


@click.command(epilog=example("lamplighter history prod", "lamplighter rollback prod 2"))
@click.argument("name")
@pass_options
def history(options: Options, name: str) -> None:
    """Show which specifications served, since when, and who asked for each.

    The last ten, the newest first: 0 is the present one, `rollback` takes the number of another.
    """
    account, screen = options.account(), options.screen()
    found = changes.kept(recorded(account.ledger(), name))
    rows = (
        (str(one.number), moment(one.at), str(one.generation), one.by, one.differences)
        for one in found
    )
    headings = ("NUMBER", "SINCE", "GENERATION", "BY", "CHANGED")
    drawn = table(*headings, rows=rows, prose=("BY", "CHANGED"))
    none = plain(f"{name} has not served yet, or only with an earlier version")
    screen.answer({"specifications": [asdict(one) for one in found]}, drawn if found else none)
