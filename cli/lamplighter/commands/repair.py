"""`lamplighter repair`: start a repair by hand and watch it."""

from __future__ import annotations

from typing import Any

import click

from lamplighter.aws.account import Account
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments import workflows
from lamplighter.deployments.known import present
from lamplighter.screens.screen import Screen, plain


@click.command(epilog=example("lamplighter repair prod --force"))
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace the instance even if it looks healthy.")
@pass_options
def repair(options: Options, name: str, *, force: bool) -> None:
    """Repair a deployment now.

    Outages are repaired without this command.
    """
    account, screen = options.account(), options.screen()
    present(account.ledger(), name)
    output = _repaired(account, screen, name, force=force)
    screen.answer(output, plain(_sentence(name, output)))


def _repaired(account: Account, screen: Screen, name: str, *, force: bool) -> dict[str, Any]:
    other = workflows.running(account, name)
    if other and other.verb == "repair":
        screen.say(f"{name} is being repaired already: watching {other.execution}")
        return workflows.watch(account, screen, other.execution, name)
    document = {"name": name, "reason": "manual", "force": force}
    return workflows.run(account, screen, "repair", name, document)


def _sentence(name: str, output: dict[str, Any]) -> str:
    if output.get("outcome") != "repaired":
        return f"{name} was not repaired: {output.get('why') or 'no reason was given'}"
    return f"{name} is repaired after {output['seconds']} s: it runs on {output['instance_id']}"
