"""`lamplighter`: the global options and the commands."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lamplighter import errors
from lamplighter.command_line.boundary import Boundary
from lamplighter.command_line.global_options import accept_everywhere
from lamplighter.command_line.options import STACK, Options, example, state_dir
from lamplighter.commands import (
    down,
    events,
    gateway,
    key,
    keys,
    local,
    notify,
    plan,
    repair,
    status,
    stop,
    sweep,
    up,
)
from lamplighter.commands.changing import history, rollback, rotate
from lamplighter.commands.healing import incidents, pause

_EXAMPLE = example(
    "lamplighter plan prod.yaml", "lamplighter up prod.yaml", "lamplighter --json status prod"
)


@click.group(cls=Boundary, epilog=f"{_EXAMPLE}\n\n{errors.EXIT_CODES}")
@click.option(
    "--stack",
    envvar="LAMPLIGHTER_STACK",
    default=STACK,
    show_default=True,
    help="CloudFormation stack of the installation.",
)
@click.option("--region", help="AWS region; else AWS_REGION, AWS_DEFAULT_REGION, the profile's.")
@click.option("--profile", help="AWS profile; else AWS_PROFILE.")
@click.option(
    "--local",
    "on_twin",
    is_flag=True,
    envvar="LAMPLIGHTER_LOCAL",
    help="Talk to the local twin (`lamplighter local up`).",
)
@click.option(
    "--state-dir",
    envvar="LAMPLIGHTER_STATE_DIR",
    type=click.Path(path_type=Path),
    default=state_dir,
    show_default="$XDG_STATE_HOME/lamplighter/local",
    help="Where the local twin keeps its files.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="For machines: one JSON document on stdout, progress as JSON lines on stderr.",
)
@click.option("--no-color", is_flag=True, help="No colours, as NO_COLOR=1.")
@click.version_option(package_name="lamplighter", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context,
    *,
    stack: str,
    region: str | None,
    profile: str | None,
    on_twin: bool,
    state_dir: Path,
    as_json: bool,
    no_color: bool,
) -> None:
    """Your own LLM endpoint on AWS: provisioned, watched, repaired, torn down to nothing.

    The options below may stand before or after the command.
    """
    color = not (no_color or os.environ.get("NO_COLOR"))
    ctx.obj = Options(
        stack=stack,
        region=region,
        profile=profile,
        local=on_twin,
        state_dir=state_dir,
        json=as_json,
        color=color,
    )


for command in (
    plan.plan,
    up.up,
    history.history,
    rollback.rollback,
    rotate.rotate,
    status.status,
    events.events,
    incidents.incidents,
    repair.repair,
    pause.pause,
    pause.resume,
    stop.stop,
    stop.sleep,
    stop.start,
    down.down,
    sweep.sweep,
    key.key,
    keys.keys,
    notify.notify,
    gateway.gateway,
    local.local,
):
    cli.add_command(command)
accept_everywhere(cli)


def main() -> None:
    """Run the command line; the process ends with one of errors.EXIT_CODES."""
    cli(prog_name="lamplighter")
