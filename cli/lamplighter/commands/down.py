"""`lamplighter down`: tear a deployment down and say how much is left: nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lamplighter import workflows
from lamplighter.commands.known import known
from lamplighter.options import Options, example, pass_options
from lamplighter.screen import plain

if TYPE_CHECKING:
    from lamplighter.aws import Account
    from lamplighter.screen import Screen


@click.command(epilog=example("lamplighter down prod"))
@click.argument("name")
@pass_options
def down(options: Options, name: str) -> None:
    """Tear a deployment down to nothing.

    Ends with the number of resources that are left, which is 0 or a failure.
    """
    account, screen = options.account(), options.screen()
    found = known(account.ledger(), name)
    if found.status == "absent":
        screen.answer({"name": name, "left": 0, "changed": False}, plain(f"{name} is already down"))
        return
    output = teardown(account, screen, name)
    gone = f"{name} is down after {output['seconds']} s: {output['left']} resources left"
    screen.answer(output, plain(gone))


def teardown(account: Account, screen: Screen, name: str) -> dict[str, Any]:
    """Return the workflow's output; join the teardown that runs already."""
    other = workflows.running(account, name)
    if other and other.verb == "teardown":
        screen.say(f"{name} is being torn down already: watching {other.execution}")
        return workflows.watch(account, screen, other.execution, name)
    return workflows.run(account, screen, "teardown", name, {"name": name})
