"""`lamplighter`: global options, commands, and the boundary where errors become sentences."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from lamplighter import aws, errors
from lamplighter.commands import (
    down,
    events,
    gateway,
    key,
    keys,
    local,
    plan,
    repair,
    status,
    up,
)
from lamplighter.options import STACK, STATE_DIR, Options, example


class Boundary(click.Group):
    """Turns every expected error into one sentence on stderr and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except errors.LamplighterError as error:
            failed = error
        except aws.AwsError as error:
            failed = aws.explain(error)
        except KeyboardInterrupt:
            failed = errors.Interrupted("interrupted")
        _report(ctx.find_object(Options) or Options(), failed)
        return ctx.exit(failed.exit_code)


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
@click.option("--region", help="AWS region; without it AWS's own settings.")
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
    default=STATE_DIR,
    show_default=True,
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
    on_twin: bool,
    state_dir: Path,
    as_json: bool,
    no_color: bool,
) -> None:
    """Your own LLM endpoint on AWS: provisioned, watched, repaired, torn down to nothing.

    The options below go before the command.
    """
    color = not (no_color or os.environ.get("NO_COLOR"))
    ctx.obj = Options(
        stack=stack, region=region, local=on_twin, state_dir=state_dir, json=as_json, color=color
    )


def _report(options: Options, error: errors.LamplighterError) -> None:
    screen = options.screen()
    if screen.json:
        document = {"error": error.name, "cause": str(error), "exit_code": error.exit_code}
        more = {"execution": error.execution} if error.execution else {}
        screen.answer(document | more)
        return
    named = (
        f"{error.name}: "
        if error.execution and error.exit_code != errors.Interrupted.exit_code
        else ""
    )
    screen.problem(f"{named}{error}")
    if error.execution:
        screen.say(f"execution: {error.execution}")


for command in (
    plan.plan,
    up.up,
    status.status,
    events.events,
    repair.repair,
    down.down,
    key.key,
    keys.keys,
    gateway.gateway,
    local.local,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; the process ends with one of errors.EXIT_CODES."""
    cli(prog_name="lamplighter")
