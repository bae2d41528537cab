"""The examples of docs/clients.md run first; the tests use the objects that they make."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from clients.examples import environment, examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.lab import Lab

Made = dict[str, Any]


@pytest.fixture(scope="session")
def made(lab: Lab) -> Callable[[str], Made]:
    """Return the names that an example defines: the first that has this text in it."""

    def run(text: str) -> Made:
        os.environ.update(environment(lab))
        found: Made = {}
        exec(next(each.text for each in examples() if text in each.text), found)  # noqa: S102 -- ours
        return found

    return run
