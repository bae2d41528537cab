"""`lamplighter down`: tear a deployment down until nothing is left."""

from __future__ import annotations

from typing import Any

import click

from lamplighter.aws.account import Account
from lamplighter.aws.rows import Deployment
from lamplighter.command_line import consent
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments import workflows
from lamplighter.deployments.known import known
from lamplighter.deployments.workflows import Running
from lamplighter.screens.screen import Screen, plain


@click.command(
    epilog=example(
        "lamplighter down prod", "lamplighter down prod --yes", "lamplighter down prod --force"
    )
)
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if the ledger has lost it: by tags and names.")
@consent.yes_option
@pass_options
def down(options: Options, name: str, *, force: bool, yes: bool) -> None:
    """Tear a deployment down to nothing, after a question.

    Ends with the number of resources that are left, which is 0 or a failure.
    """
    account, screen = options.account(), options.screen()
    found = Deployment(name) if force else known(account.ledger(), name)
    if found.status == "absent":
        screen.answer({"name": name, "left": 0, "changed": False}, plain(f"{name} is already down"))
        return
    if other := _going_on(account, name):
        output = _joined(account, screen, name, other)
    else:
        consent.require(_consequence(account, found), yes=yes)
        output = teardown(account, screen, name, force=force)
    gone = f"{name} is down after {output['seconds']} s: {output['left']} resources left"
    screen.answer(output, plain(gone))


def _consequence(account: Account, found: Deployment) -> str:
    """Return what is deleted, and where."""
    instances = [host.instance_id for host in found.active]
    facts = ", ".join(each for each in (found.status, found.endpoint, *instances) if each)
    named = f"{found.name} ({facts})" if facts else found.name
    return (
        f"this deletes {named} in {account.place}, with its instance, network, address, DNS "
        "record, images, bucket and API keys"
    )


def teardown(account: Account, screen: Screen, name: str, **given: bool) -> dict[str, Any]:
    """Return the workflow's output; join the teardown that runs already.

    given: force and swept, as the workflow takes them.
    """
    if other := _going_on(account, name):
        return _joined(account, screen, name, other)
    document = {"name": name, **{key: True for key, value in given.items() if value}}
    return workflows.run(account, screen, "teardown", name, document)


def _going_on(account: Account, name: str) -> Running | None:
    other = workflows.running(account, name)
    return other if other and other.verb == "teardown" else None


def _joined(account: Account, screen: Screen, name: str, other: Running) -> dict[str, Any]:
    screen.say(f"{name} is being torn down already: watching {other.execution}")
    return workflows.watch(account, screen, other.execution, name)
