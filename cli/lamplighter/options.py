"""The global options: which installation to talk to, and how to print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamplighter import aws
from lamplighter.errors import Unavailable
from lamplighter.local import twin
from lamplighter.screen import Screen

if TYPE_CHECKING:
    from lamplighter.aws import Account

STACK = "lamplighter"
STATE_DIR = Path(".lamplighter/local")


@dataclass(frozen=True, slots=True)
class Options:
    """What was given before the command's name."""

    stack: str = STACK
    region: str | None = None
    local: bool = False
    state_dir: Path = STATE_DIR
    json: bool = False
    color: bool = True

    def screen(self) -> Screen:
        return Screen.open(json=self.json, color=self.color)

    def account(self) -> Account:
        """Return the account to work on: AWS, or the local twin; raise Unavailable."""
        if not self.local:
            return aws.connect(self.stack, self.region, {})
        if not twin.status(self.state_dir)["up"]:
            raise Unavailable("the local twin is not up: run `lamplighter local up`")
        return aws.connect(self.stack, self.region, twin.environment(self.state_dir))

    def command(self, words: str) -> str:
        """Return the command line that says `words` to the same installation."""
        chosen = ["lamplighter"]
        if self.local:
            chosen.append("--local")
        if self.local and self.state_dir != STATE_DIR:
            chosen.append(f"--state-dir {self.state_dir}")
        if self.region:
            chosen.append(f"--region {self.region}")
        if self.stack != STACK:
            chosen.append(f"--stack {self.stack}")
        return " ".join([*chosen, words])


def example(*lines: str) -> str:
    """Return a command's epilog: its example, marked so that click does not fold it."""
    return "\n  ".join(["\b\nExample:", *lines])


pass_options = click.make_pass_decorator(Options)
