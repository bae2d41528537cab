"""`lamplighter local`: the local twin, a whole AWS on this machine for development and the demo."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import click
from rich.text import Text

from lamplighter import faults
from lamplighter.command_line import consent, local_twin
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.errors import Unavailable
from lamplighter.screens.screen import facts, plain

_NOT_UP = "the twin is not up"
_HOW = [*(each.name for each in faults.FAULTS), *faults.ALIASES]


def _described(fault: faults.Fault) -> str:
    """Return a fault's lines in the help, whose width they do not follow."""
    name, rest = f"{fault.name:<14}", " " * 14
    return textwrap.fill(f"{fault.does}.", 76, initial_indent=name, subsequent_indent=rest)


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
    help="What answers inference: a stub, or vLLM on the CPU.  [default: the running twin's; stub]",
)
@click.option("--port", type=click.IntRange(1024, 65535), help="Port of the local AWS.")
@consent.yes_option
@pass_options
def up(options: Options, engine: str | None, port: int | None, *, yes: bool) -> None:
    """Start the twin with Lamplighter installed in it, or bring it up to date.

    Asks before it installs vLLM, or restarts a running twin, which then is empty.
    """
    twin = local_twin.load()
    screen = options.screen()
    engine = engine or twin.status(options.state_dir).get("engine") or "stub"
    if consequences := twin.consequences(engine, options.state_dir, port):
        consent.require(f"this {' and '.join(consequences)}", yes=yes)
    started = twin.up(engine, screen.say, options.state_dir, port=port)
    screen.answer(twin.status(options.state_dir), plain(f"the twin is up: {started}"))


@local.command(epilog=example("lamplighter local down --forget"))
@click.option("--forget", is_flag=True, help="Delete its data and logs too.")
@pass_options
def down(options: Options, *, forget: bool) -> None:
    """Stop the twin and everything it started."""
    local_twin.load().down(options.state_dir, forget=forget)
    options.screen().answer({"up": False}, plain("the twin is down"))


@local.command(epilog=example("lamplighter local status"))
@click.pass_context
@pass_options
def status(options: Options, context: click.Context) -> None:
    """Show whether the twin is up, and what it runs; exit code 5 when it is not."""
    found = local_twin.load().status(options.state_dir)
    lines = facts(_facts(found)) if found["up"] else plain(f"{_NOT_UP}: run `lamplighter local up`")
    options.screen().answer(found, lines)
    if not found["up"]:
        context.exit(Unavailable.exit_code)


@local.command(
    "break",
    epilog="\n\n".join(
        [
            "\b\n" + "\n".join(_described(each) for each in faults.FAULTS),
            example(
                "lamplighter local break terminate", "lamplighter --local events demo --follow"
            ),
        ]
    ),
)
@click.argument("how", type=click.Choice(_HOW), metavar="HOW")
@click.option("--deployment", metavar="NAME", help="Whose instance; needed when there are several.")
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help=f"How long it lasts: {', '.join(each.name for each in faults.FAULTS if each.lasts)}.",
)
@click.option(
    "--check", type=click.Choice(faults.CHECKS), help="Which status check fails.  [system]"
)
@pass_options
def break_(
    options: Options, how: str, deployment: str | None, seconds: float | None, check: str | None
) -> None:
    """Break an instance, a host or the account around them, as AWS or an operator could."""
    instance = local_twin.load().break_(
        options.state_dir, how, deployment, seconds=seconds, check=check
    )
    broken = {"instance_id": instance or None, "how": how}
    options.screen().answer(broken, plain(f"{instance or 'the account'}: {how}"))


@local.command(epilog=example('eval "$(lamplighter local env)"', "aws ec2 describe-instances"))
@pass_options
def env(options: Options) -> None:
    """Print the variables that point the AWS CLI and SDKs at the twin."""
    variables = local_twin.load().environment(options.state_dir)
    exports = (f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    options.screen().answer(variables, *map(plain, exports))


def _facts(found: Mapping[str, Any]) -> Iterator[tuple[str, str | Text]]:
    for label in ("endpoint", "engine", "stack"):
        yield label, str(found[label])
    for what in ("processes", "hosts"):
        yield from ((what, f"{name} {state}") for name, state in found[what].items())
