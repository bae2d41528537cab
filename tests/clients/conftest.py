"""One lab for all clients; every suite of this folder is run by `make test-clients`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.lab import Lab, borrowed

if TYPE_CHECKING:
    from collections.abc import Iterator

# They have an environment of their own: test_libraries.py runs them there.
collect_ignore = [] if find_spec("langchain_core") else ["libraries"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "clients: other people's clients; run by `make test-clients`, which installs them",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("clients")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with borrowed() as lab:
        yield lab


@pytest.fixture
def lab_of_its_own() -> Iterator[Lab]:
    """Lend one whose keys have all their requests left."""
    with borrowed() as lab:
        yield lab
