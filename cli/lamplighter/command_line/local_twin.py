"""The local twin, imported by the command that needs it: the CLI alone does not bring it."""

from __future__ import annotations

import importlib
from types import ModuleType

from lamplighter.errors import Unavailable


def load() -> ModuleType:
    """Return `twin.control`; raise Unavailable outside a checkout and its environment."""
    try:
        control = importlib.import_module("twin.control")
    except ModuleNotFoundError:
        control = None
    if control is None or not control.is_installed():
        raise Unavailable(
            "the local twin runs from a checkout of Lamplighter, in the environment that `make "
            "setup` makes there: this installation has the operator's commands only"
        )
    return control
