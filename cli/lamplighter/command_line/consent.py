"""Ask before something is taken away: on a terminal by a question, without one by --yes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

import click

from lamplighter.errors import Interrupted, WrongUsage
from lamplighter.screens.layout import wrapped

yes_option: Callable[[Any], Any] = click.option(
    "--yes", "-y", is_flag=True, help="Do not ask; needed without a terminal."
)


def require(consequence: str, *, yes: bool) -> None:
    """Return once the operator agrees to the consequence, a sentence without its full stop.

    Raises Interrupted for a no, and WrongUsage where there is no terminal to ask on.
    """
    if yes:
        return
    if not at_a_terminal():
        raise WrongUsage(f"{consequence}: there is no terminal to ask on, so confirm with --yes")
    lines = wrapped(f"{consequence}. Go on?", shutil.get_terminal_size().columns - len(" [y/N]: "))
    if not click.confirm("\n".join(lines), err=True):
        raise Interrupted("nothing was changed")


def at_a_terminal() -> bool:
    return sys.stdin.isatty()
