"""`lamplighter pause` and `lamplighter resume`: maintenance without a repair in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from lamplighter.aws.account import Account
from lamplighter.command_line.moments import Duration, Moment
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments.known import present
from lamplighter.errors import Unavailable, WrongUsage
from lamplighter.screens.screen import moment, plain

_LONGEST_WHY = 200


@click.command(
    epilog=example(
        'lamplighter pause prod --for 2h --why "a new kernel"',
        "lamplighter pause prod --until 2027-01-31T18:00:00Z",
        "lamplighter pause prod",
    )
)
@click.argument("name")
@click.option("--for", "lasting", type=Duration(), help="How long, e.g. 90s, 15m, 2h or 1d.")
@click.option("--until", type=Moment(), help="A time, UTC where it names no zone.")
@click.option("--why", default="", help="A reason: `status` and notices show it.")
@pass_options
def pause(
    options: Options, name: str, lasting: timedelta | None, until: datetime | None, why: str
) -> None:
    """Repair nothing for a while.

    What happens meanwhile is seen, but left. The pause ends at its time, or with `resume`.
    """
    if lasting is not None and until is not None:
        raise WrongUsage("--for and --until are two ways to say one thing: give one of them")
    if len(why) > _LONGEST_WHY:
        raise WrongUsage(f"--why is longer than {_LONGEST_WHY} characters: shorten it")
    end = datetime.now(UTC) + lasting if lasting else until
    event = {"verb": "pause", "until": end and end.isoformat(timespec="seconds"), "why": why}
    account, screen = options.account(), options.screen()
    answered = _ask(account, name, event)
    screen.answer(answered, plain(_sentence(name, answered.get("paused_until") or "")))


@click.command(epilog=example("lamplighter resume prod"))
@click.argument("name")
@pass_options
def resume(options: Options, name: str) -> None:
    """End a pause: outages are repaired again.

    What happened meanwhile is found within a minute.
    """
    account, screen = options.account(), options.screen()
    answered = _ask(account, name, {"verb": "resume"})
    screen.answer(answered, plain(f"{name} is watched again: outages are repaired"))


def _ask(account: Account, name: str, event: dict[str, Any]) -> dict[str, Any]:
    function = account.installation.maintenance_function
    if not function:
        raise Unavailable(
            f"the installation {account.installation.name!r} is of an earlier version, which "
            "cannot pause: run `make deploy`"
        )
    present(account.ledger(), name)
    return account.invoke(function, {**event, "name": name})


def _sentence(name: str, until: str) -> str:
    if not until:
        return f"{name} is paused: nothing is repaired until `lamplighter resume {name}`"
    return (
        f"{name} is paused until {moment(until)}: nothing is repaired before; "
        f"`lamplighter resume {name}` ends the pause"
    )
