"""What every suite may use, and which tests share a worker when they run side by side."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["awssim.fixtures"]
# Each folder's fixture starts a local AWS: once is enough. They take longest, so they begin.
ONE_TWIN = ("tests/workflow/", "tests/twin/")


class SharedFixtures(LoadScopeScheduling):
    """A file's tests stay together, in their order; those of one twin too, whatever the file.

    xdist's own groups are marks, which pytest 9.2 does not put into a test's id any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((one for one in ONE_TWIN if file.startswith(one)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedFixtures:
    return SharedFixtures(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, so that they are not what a run waits for at its end."""
    items.sort(key=lambda item: not item.nodeid.startswith(ONE_TWIN))
