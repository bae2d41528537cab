"""`lamplighter rollback`: change a deployment back to a specification that it served with."""

from __future__ import annotations

import click

from lamplighter.command_line import consent
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.commands import up
from lamplighter.deployments import changes
from lamplighter.deployments.known import present, recorded
from lamplighter.errors import WrongUsage
from lamplighter.screens.screen import moment, plain


@click.command(epilog=example("lamplighter rollback prod", "lamplighter rollback prod 2 --yes"))
@click.argument("name")
@click.argument("number", type=click.IntRange(1), default=1)
@consent.yes_option
@pass_options
def rollback(options: Options, name: str, number: int, *, yes: bool) -> None:
    """Change a deployment back to what it served with before.

    NUMBER counts back, as `history` does: 1, the default, is the specification before the present
    one. It is a change like any other: planned, asked about, and made beside what serves.
    """
    account, screen = options.account(), options.screen()
    present(account.ledger(), name)
    found = changes.kept(recorded(account.ledger(), name))
    if number >= len(found):
        raise WrongUsage(
            f"{name} has no specification {number}: `lamplighter history {name}` lists those kept"
        )
    chosen = found[number]
    output = up.carry_out(account, screen, chosen.spec, yes=yes)
    served = f"the specification of {moment(chosen.at)}"
    screen.answer(
        output, plain(f"{name} serves {served} at {output['endpoint']} after {output['seconds']} s")
    )
