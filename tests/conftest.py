"""What every suite may use, and which tests share a worker when they run side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["awssim.fixtures"]
TESTS = Path(__file__).parent
ONE_TWIN = ("twin", "workflow")  # their session's fixture starts a local AWS: once is enough


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay together, in their order: its fixtures are made once.

    The longest group comes first, so that it is not what the run waits for at its end.
    """
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: _group(item) not in ONE_TWIN)


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(TESTS)
    return path.parts[0] if path.parts[0] in ONE_TWIN else str(path)
