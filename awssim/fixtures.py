"""pytest fixtures: `pytest_plugins = ["awssim.fixtures"]`, or import `account` into a conftest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from awssim.account import Account
from awssim.furnish import furnish

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def furnished() -> bytes:
    """A snapshot of a furnished account."""
    with Account().active() as opened:
        furnish(opened)
        return opened.snapshot()


@pytest.fixture
def account(furnished: bytes) -> Iterator[Account]:
    """A furnished account, active for the test; nothing done to furnish it is counted."""
    with Account().active() as opened:
        opened.restore(furnished)
        yield opened
