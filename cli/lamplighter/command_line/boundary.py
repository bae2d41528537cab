"""The boundary where errors become one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from lamplighter import errors
from lamplighter.aws import refusals
from lamplighter.command_line.options import Options

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
        except refusals.AwsError as error:
            failed = refusals.explain(error)
        except (KeyboardInterrupt, click.Abort):
            failed = errors.Interrupted("interrupted")
        _report(ctx.find_object(Options) or Options(), failed)
        return ctx.exit(failed.exit_code)


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
