"""Which release of Lamplighter the command, the installation and a host are of."""

from __future__ import annotations

import re
from importlib.metadata import version


def of_command() -> str:
    return version("lamplighter")


def misfit(installed: str, stack: str) -> str:
    """Say that this command and the installation do not fit; empty where they do.

    installed: the installation's release, empty where it names none.
    """
    own = of_command()
    if not installed or own == installed:
        return ""
    older, remedy = "this command", f"install the command of {installed}"
    if _number(installed) < _number(own):
        older, remedy = "the installation", f"run `make deploy` of {own}"
    return (
        f"this command is of release {own}, the installation {stack!r} of {installed}: "
        f"{older} is older, so {remedy}"
    )


def is_older(host: str, installed: str) -> bool:
    """Return whether a host's release is before the installation's; one without a name is."""
    return bool(installed) and _number(host) < _number(installed)


def _number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])
