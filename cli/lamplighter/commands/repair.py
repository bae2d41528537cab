"""`lamplighter repair`: start a repair by hand and watch it."""

from __future__ import annotations

from typing import Any

import click

from lamplighter.aws.account import Account
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments import workflows
from lamplighter.deployments.known import present
from lamplighter.errors import WrongUsage
from lamplighter.screens.screen import Screen, plain

RUNGS = ("reconnect", "restart", "reboot", "rehost", "replace")  # from the smallest


@click.command(
    epilog=example(
        "lamplighter repair prod",
        "lamplighter repair prod --rung reboot",
        "lamplighter repair prod --force",
    )
)
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace the instance even if it looks healthy.")
@click.option(
    "--rung",
    type=click.Choice(RUNGS),
    help="Take this step, instead of the smallest that fits what is wrong.",
)
@pass_options
def repair(options: Options, name: str, rung: str | None, *, force: bool) -> None:
    """Repair a deployment now.

    Outages are repaired without this command. The steps, from the smallest: reconnect (network,
    address and record), restart (the host's agent), reboot, rehost (stop and start: other
    hardware), replace (another instance).
    """
    if force and rung not in {None, "replace"}:
        raise WrongUsage(f"--force replaces the instance, --rung {rung} does not: give one of them")
    account, screen = options.account(), options.screen()
    present(account.ledger(), name)
    document = {"name": name, "reason": "manual", "force": force}
    output = _repaired(account, screen, name, document | ({"rung": rung} if rung else {}))
    screen.answer(output, plain(_sentence(name, output)))


def _repaired(
    account: Account, screen: Screen, name: str, document: dict[str, Any]
) -> dict[str, Any]:
    other = workflows.running(account, name)
    if other and other.verb == "repair":
        screen.say(f"{name} is being repaired already: watching {other.execution}")
        return workflows.watch(account, screen, other.execution, name)
    return workflows.run(account, screen, "repair", name, document)


def _sentence(name: str, output: dict[str, Any]) -> str:
    if output.get("outcome") != "repaired":
        return f"{name} was not repaired: {output.get('why') or 'no reason was given'}"
    on = f": it runs on {output['instance_id']}" if output.get("instance_id") else ""
    return f"{name} is repaired after {output['seconds']} s{on}"
