"""`lamplighter sweep`: what dead deployments of this installation left, and its removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from lamplighter.aws.account import Account
from lamplighter.command_line import consent
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.commands.down import teardown
from lamplighter.errors import LamplighterError, Unavailable
from lamplighter.screens.layout import Listing
from lamplighter.screens.screen import Screen, plain, table

_Orphans = Sequence[Mapping[str, Any]]


@click.command(epilog=example("lamplighter sweep", "lamplighter sweep --yes"))
@click.option("--yes", "-y", is_flag=True, help="Remove it without asking.")
@pass_options
def sweep(options: Options, *, yes: bool) -> None:
    """Show what dead deployments left, and remove it.

    That is what has this installation's tag and belongs to no deployment of its ledger. It is
    removed with --yes, or after a question on a terminal.
    """
    account, screen = options.account(), options.screen()
    with screen.busy("asking what is left of dead deployments"):
        found = ask(account)
    if not found:
        screen.answer({"orphans": [], "removed": []}, plain(f"nothing is left, in {account.place}"))
        return
    if not yes and (options.json or not consent.at_a_terminal()):
        screen.answer({"orphans": found, "removed": []}, drawn(found), plain(_hint(found)))
        return
    if not options.json:
        screen.show(drawn(found))
    consent.require(f"this deletes all of it in {account.place}", yes=yes)
    names = [str(each["name"]) for each in found]
    removed = [name for name in names if _is_removed(account, screen, name)]
    gone = f"removed what was left of {', '.join(removed) or 'none'}"
    screen.answer({"orphans": found, "removed": removed}, plain(gone))


def ask(account: Account) -> list[dict[str, Any]]:
    """Return [{"name", "why", "resources"}]; raise the function's error."""
    function = account.installation.inventory_function
    if not function:
        raise Unavailable(
            f"the installation {account.installation.name!r} is of an earlier version, which finds "
            "nothing by itself: run `make deploy`"
        )
    orphans: list[dict[str, Any]] = account.invoke(function, {"verb": "orphans"})["orphans"]
    return orphans


def drawn(found: _Orphans) -> Listing:
    rows = (
        (each["name"], resource, each["why"]) for each in found for resource in each["resources"]
    )
    return table("DEPLOYMENT", "RESOURCE", "WHY", rows=rows, prose=("RESOURCE", "WHY"))


def _hint(found: _Orphans) -> str:
    count = sum(len(each["resources"]) for each in found)
    return f"{count} left of {len(found)} dead deployments: `lamplighter sweep --yes` removes them"


def _is_removed(account: Account, screen: Screen, name: str) -> bool:
    """Return False, and say so, where it is wanted again since it was listed."""
    try:
        teardown(account, screen, name, force=True, swept=True)
    except LamplighterError as failure:
        if failure.name != "Superseded":
            raise
        screen.say(f"{name} stays: {failure}")
        return False
    return True
