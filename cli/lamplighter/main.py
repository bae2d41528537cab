"""`lamplighter`: global options, commands, and the boundary where errors become sentences."""

from __future__ import annotations

import os
import sys
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
from lamplighter.global_options import accept_everywhere
from lamplighter.options import STACK, Options, example, state_dir

_READER_GONE = 141  # as a shell reports a program that SIGPIPE ended


class Boundary(click.Group):
    """Turns every expected error into one sentence on stderr and its exit code."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the command line and end the process; with --json wrong usage is a document too."""
        words = settings.get("args") or (args[0] if args else None) or sys.argv[1:]
        try:
            status = super().main(*args, **settings | {"standalone_mode": False})
        except click.ClickException as error:
            status = _refuse(error, as_json="--json" in words)
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return self._invoke(ctx)
        except BrokenPipeError:
            return ctx.exit(_hush())

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except errors.LamplighterError as error:
            failed = error
        except aws.AwsError as error:
            failed = aws.explain(error)
        except (KeyboardInterrupt, click.Abort):
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


def _refuse(error: click.ClickException, *, as_json: bool) -> int:
    """Print wrong usage as every other error; return its exit code."""
    if not as_json:
        error.show()
        return error.exit_code
    context = getattr(error, "ctx", None)
    more = f" (see `{context.command_path} --help`)" if context else ""
    wrong = errors.WrongUsage(f"{error.format_message()}{more}")
    try:
        _report(Options(json=True), wrong)
    except BrokenPipeError:
        return _hush()
    return wrong.exit_code


def _hush() -> int:
    """Let nothing more be written to readers that went away; return the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return _READER_GONE


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
accept_everywhere(cli)


def main() -> None:
    """Run the command line; the process ends with one of errors.EXIT_CODES."""
    cli(prog_name="lamplighter")
