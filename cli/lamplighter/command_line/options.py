"""The global options: which installation to talk to, and how to print."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import click

from lamplighter.aws import releases
from lamplighter.aws.account import Account, connect
from lamplighter.command_line import local_twin
from lamplighter.command_line.command_lines import CommandLines
from lamplighter.errors import Unavailable
from lamplighter.screens.screen import Screen

STACK = "lamplighter"


def state_dir() -> Path:
    """Return where the twin keeps its files: XDG's folder for state, the same from everywhere.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    named = Path(os.environ.get("XDG_STATE_HOME") or "")
    home = named if named.is_absolute() else Path("~/.local/state").expanduser()
    return home / "lamplighter" / "local"


@dataclass(frozen=True, slots=True)
class Options:
    """What was given as global options, before or after the command's name."""

    stack: str = STACK
    region: str | None = None
    profile: str | None = None
    local: bool = False
    state_dir: Path = field(default_factory=state_dir)
    json: bool = False
    color: bool = True

    def screen(self) -> Screen:
        return Screen.open(json=self.json, color=self.color, repeated=self.lines().repeated)

    def account(self) -> Account:
        """Return the account to work on: AWS, or the local twin; raise Unavailable."""
        if not self.local:
            account = connect(self.stack, self.region, {}, self.profile)
            if said := releases.misfit(account.installation.release, self.stack):
                self.screen().say(said)
            return account
        twin = local_twin.load()
        if not twin.status(self.state_dir)["up"]:
            raise Unavailable("the local twin is not up: run `lamplighter local up`")
        return connect(self.stack, None, twin.environment(self.state_dir))

    def lines(self) -> CommandLines:
        """Return what renders command lines for the same installation."""
        return CommandLines(
            local=self.local,
            state_dir=self.state_dir if self.state_dir != state_dir() else None,
            region=self.region,
            profile=self.profile,
            stack=self.stack if self.stack != STACK else None,
        )

    def command(self, words: str) -> str:
        """Return the command line of `words` for this installation."""
        return self.lines().lamplighter(words)


def example(*lines: str) -> str:
    """Return a command's epilog: its example, marked so that click does not fold it."""
    return "\n  ".join(["\b\nExample:", *lines])


pass_options = click.make_pass_decorator(Options)
