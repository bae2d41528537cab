"""`lamplighter local`: the local twin, a whole AWS on this machine for development and the demo."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, get_args

import click
from rich.table import Table

from lamplighter.local import twin
from lamplighter.options import Options, example, pass_options
from lamplighter.screen import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from lamplighter.local.twin import How


@click.group(
    epilog=example(
        "lamplighter local up",
        "lamplighter --local up examples/demo.yaml",
        "lamplighter local break terminate",
        "lamplighter local down",
    )
)
def local() -> None:
    """Run the local twin: a whole AWS on this machine.

    The real template and workflows, with processes in the place of instances; no account, no
    Docker, no root.
    """


@local.command(epilog=example("lamplighter local up --engine vllm"))
@click.option(
    "--engine",
    type=click.Choice(["stub", "vllm"]),
    default="stub",
    show_default=True,
    help="What answers inference requests: a stub, or vLLM on the CPU.",
)
@click.option("--port", type=click.IntRange(1024, 65535), help="Port of the local AWS.")
@pass_options
def up(options: Options, engine: str, port: int | None) -> None:
    """Start the twin with Lamplighter installed in it."""
    screen = options.screen()
    started = twin.up(engine, screen.say, options.state_dir, port=port)
    screen.answer(twin.status(options.state_dir), plain(f"the twin is up: {started}"))


@local.command(epilog=example("lamplighter local down --forget"))
@click.option("--forget", is_flag=True, help="Delete its data and logs too.")
@pass_options
def down(options: Options, *, forget: bool) -> None:
    """Stop the twin and everything it started."""
    twin.down(options.state_dir, forget=forget)
    options.screen().answer({"up": False}, plain("the twin is down"))


@local.command(epilog=example("lamplighter local status"))
@pass_options
def status(options: Options) -> None:
    """Say whether the twin is up, and what it runs."""
    found = twin.status(options.state_dir)
    options.screen().answer(found, _facts(found))


@local.command(
    "break",
    epilog=example("lamplighter local break terminate", "lamplighter --local events demo --follow"),
)
@click.argument("how", type=click.Choice(get_args(twin.How)))
@click.option("--deployment", metavar="NAME", help="Whose instance; needed when there are several.")
@pass_options
def break_(options: Options, how: How, deployment: str | None) -> None:
    """Do to an instance what AWS or somebody may do to it."""
    instance = twin.break_(options.state_dir, how, deployment)
    options.screen().answer({"instance_id": instance, "how": how}, plain(f"{instance}: {how}"))


@local.command(epilog=example('eval "$(lamplighter local env)"', "aws ec2 describe-instances"))
@pass_options
def env(options: Options) -> None:
    """Print the variables that point the AWS CLI and SDKs at the twin."""
    variables = twin.environment(options.state_dir)
    exports = (f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    options.screen().answer(variables, *map(plain, exports))


def _facts(found: Mapping[str, Any]) -> RenderableType:
    if not found["up"]:
        return plain("the twin is not up: run `lamplighter local up`")
    grid = Table.grid(padding=(0, 2))
    for label in ("endpoint", "engine", "stack"):
        grid.add_row(plain(label, "dim"), plain(str(found[label])))
    for what in ("processes", "hosts"):
        for name, state in found[what].items():
            grid.add_row(plain(what, "dim"), plain(f"{name} {state}"))
    return grid
