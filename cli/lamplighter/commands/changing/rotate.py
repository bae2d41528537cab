"""`lamplighter rotate`: a new host, with the newest image, for the same specification."""

from __future__ import annotations

import click

from lamplighter.command_line import consent
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.commands import up
from lamplighter.deployments.known import present
from lamplighter.screens.screen import plain


@click.command(epilog=example("lamplighter rotate prod", "lamplighter rotate prod --yes"))
@click.argument("name")
@consent.yes_option
@pass_options
def rotate(options: Options, name: str, *, yes: bool) -> None:
    """Replace the host by a new one with the newest machine image.

    The specification stays. The new host is launched beside the one that serves, as for a change:
    with its kernel and drivers, and with this installation's scripts and gateway.
    """
    account, screen = options.account(), options.screen()
    present(account.ledger(), name)
    output = up.carry_out(account, screen, {"name": name, "rotate": True}, yes=yes)
    on = f"{output['instance_id']}, generation {output['generation']}"
    screen.answer(output, plain(f"{name} runs on {on}, after {output['seconds']} s"))
