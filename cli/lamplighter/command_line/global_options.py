"""The global options behind the command: `lamplighter down prod --local` is what it looks like."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click
from click.core import ParameterSource

from lamplighter.command_line.options import Options

# The names of the group's parameters, and the fields of Options that they fill.
_FIELDS = {
    "stack": "stack",
    "region": "region",
    "profile": "profile",
    "on_twin": "local",
    "state_dir": "state_dir",
    "as_json": "json",
    "no_color": "color",
}


def accept_everywhere(group: click.Group) -> None:
    """Let every command below the group take the group's options too; its help does not list them.

    An option after the command overrides the same option before it.
    """
    ours = [one for one in group.params if isinstance(one, click.Option) and one.name in _FIELDS]
    for command in _below(group):
        command.params.extend(_behind(option) for option in ours)


def _below(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from _below(command)


def _behind(option: click.Option) -> click.Option:
    copied = copy.copy(option)
    copied.hidden, copied.expose_value, copied.callback = True, False, _choose
    return copied


def _choose(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Set the field in every context up to the boundary, which prints errors by it."""
    name = parameter.name or ""
    if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
        return
    given = context.find_object(Options) or Options()
    changed: dict[str, Any] = {_FIELDS[name]: not value if name == "no_color" else value}
    chosen = replace(given, **changed)
    at: click.Context | None = context
    while at:
        at.obj, at = chosen, at.parent
