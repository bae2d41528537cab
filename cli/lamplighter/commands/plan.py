"""`lamplighter plan`: what would be created, kept or changed, and why. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from lamplighter.aws.account import Account
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments import spec_file
from lamplighter.screens.layout import Listing
from lamplighter.screens.screen import plain, table

_STYLES = {"create": "green", "change": "yellow", "report": "red", "keep": "dim"}


@click.command(epilog=example("lamplighter plan prod.yaml"))
@click.argument("spec", type=click.Path(allow_dash=True))
@pass_options
def plan(options: Options, spec: str) -> None:
    """Show what `up SPEC` would do.

    SPEC is a YAML or JSON file, or - for standard input. Nothing is written.
    """
    document = spec_file.read(spec)
    account, screen = options.account(), options.screen()
    with screen.busy("asking what would change"):
        planned = ask(account, document)
    screen.answer(planned, drawn(planned), plain(f"{summary(planned)}, in {account.place}"))


def ask(account: Account, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"changes": [{"resource", "action", "what", "why"}]}; raise the function's error."""
    event = {"verb": "plan", "spec": document}
    return account.invoke(account.installation.plan_function, event)


def drawn(planned: Mapping[str, Any]) -> Listing:
    rows = (
        (
            plain(change["action"], _STYLES.get(change["action"], "")),
            change["resource"],
            change["what"],
            change.get("why") or "",
        )
        for change in planned["changes"]
    )
    return table("ACTION", "RESOURCE", "WHAT", "WHY", rows=rows, prose=("WHAT", "WHY"))


def summary(planned: Mapping[str, Any]) -> str:
    """Return e.g. `7 to create, 1 to keep`."""
    actions = [change["action"] for change in planned["changes"]]
    counted = (f"{actions.count(action)} to {action}" for action in _STYLES if action in actions)
    return ", ".join(counted) or "nothing to do"
