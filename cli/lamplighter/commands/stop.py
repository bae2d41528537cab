"""`lamplighter stop`, `sleep` and `start`: no instance is paid for meanwhile, all is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from lamplighter.aws import ledger
from lamplighter.aws.account import Account
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments import spending, workflows
from lamplighter.deployments.known import present
from lamplighter.deployments.workflows import Running
from lamplighter.errors import Conflict, Unavailable
from lamplighter.screens import figures
from lamplighter.screens.screen import Screen, plain


@click.command(epilog=example("lamplighter stop prod", "lamplighter --json stop prod"))
@click.argument("name")
@pass_options
def stop(options: Options, name: str) -> None:
    """Stop a deployment and keep it.

    Running requests end, new ones are refused; then the instance is stopped. Its disk with the
    model, its address and its keys stay, and cost little. Only `start`, or `up`, starts it again.
    """
    _halt(options, name, "stopped", {})


@click.command(epilog=example("lamplighter sleep prod", "lamplighter --json sleep prod"))
@click.argument("name")
@pass_options
def sleep(options: Options, name: str) -> None:
    """Stop a deployment until a request wakes it.

    As `stop`, but a request with one of its API keys at the address that `status` shows starts it
    again, as `start` does. With sleep.after_idle_minutes in its specification it falls asleep by
    itself.
    """
    asked_by = options.account().caller()
    _halt(options, name, "asleep", {"sleep": True} | ({"asked_by": asked_by} if asked_by else {}))


@click.command(epilog=example("lamplighter start prod", "lamplighter --json start prod"))
@click.argument("name")
@pass_options
def start(options: Options, name: str) -> None:
    """Start a deployment that is stopped or asleep, watch until it serves.

    Where AWS has no capacity for its instance, another one takes its place.
    """
    account, screen = options.account(), options.screen()
    output = _run(account, screen, "start", name)
    screen.answer(output, plain(_started(name, output)))


def _halt(options: Options, name: str, outcome: str, how: dict[str, Any]) -> None:
    """outcome: stopped or asleep; a stop that ends in the other one is followed by ours."""
    account, screen = options.account(), options.screen()
    output = _run(account, screen, "stop", name, how)
    if output.get("outcome") != outcome:
        output = _run(account, screen, "stop", name, how)
    costs = _costs(account, name)
    screen.answer(output | {outcome: costs}, plain(_halted(name, outcome, output, costs)))


def _run(
    account: Account, screen: Screen, verb: str, name: str, how: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the workflow's output; join the one that runs already."""
    if not getattr(account.installation, verb):
        raise Unavailable(
            f"the installation {account.installation.name!r} is of an earlier version, which "
            f"cannot {verb} a deployment: run `make deploy`"
        )
    present(account.ledger(), name)
    while other := workflows.running(account, name):
        if other.verb == verb:
            screen.say(f"{name} is at it already: watching {other.execution}")
            return workflows.watch(account, screen, other.execution, name)
        if verb == "stop" and other.verb != "teardown":
            break  # the workflow ends what waits for a host
        _wait_for(account, screen, other, name)
    return workflows.run(account, screen, verb, name, {"name": name, **(how or {})})


def _wait_for(account: Account, screen: Screen, other: Running, name: str) -> None:
    """Watch what a start may follow to its end; a teardown means the opposite."""
    if other.verb == "teardown":
        raise Conflict(
            f"a teardown of {name} is running: `lamplighter events {name} --follow` shows it",
            execution=other.execution,
        )
    screen.say(f"a {other.verb} of {name} is running: watching {other.execution}")
    workflows.watch(account, screen, other.execution, name)


def _costs(account: Account, name: str) -> dict[str, Any] | None:
    found = ledger.deployment(account.ledger(), name)
    return spending.while_stopped(found, datetime.now(UTC)) if found else None


def _halted(name: str, outcome: str, output: dict[str, Any], costs: dict[str, Any] | None) -> str:
    monthly = f"; it costs {figures.dollars(costs['monthly_usd'])} a month" if costs else ""
    again = f"`lamplighter start {name}` starts it again"
    if not output.get("changed", True):
        return f"{name} is {outcome} already{monthly}; {again}"
    kept = (
        f"{output['instance_id']} is kept"
        if output.get("kept")
        else "EC2 could not stop its instance, which is terminated"
    )
    return f"{name} is {outcome} after {output['seconds']} s: {kept}{monthly}; {again}"


def _started(name: str, output: dict[str, Any]) -> str:
    if not output.get("changed", True):
        return f"{name} is started already: {output['endpoint']}"
    on = f" on {output['instance_id']}" if output.get("instance_id") else ""
    return f"{name} is serving at {output['endpoint']} after {output['seconds']} s{on}"
