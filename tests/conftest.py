"""What every suite may use, and which tests share a worker when they run side by side."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["awssim.fixtures"]
# Folders whose tests share what is started once: a local AWS, or the machine of the lab.
TOGETHER = ("tests/workflow/", "tests/twin/", "tests/machine/")
# Two need no machine; the others take as long as the rest of their folder, and have an AWS of their
# own when they run beside it.
ALONE = (
    "tests/machine/test_image_build.py",
    "tests/machine/test_sam_build.py",
    "tests/workflow/test_faults.py",
    "tests/workflow/test_provision.py",
    "tests/workflow/test_repair.py",
    "tests/workflow/test_traffic.py",
)
# Whole deployments and machines, hostile traffic, a crash at every call: they take longest, are
# marked `system`, and start first.
SYSTEM = (
    *("tests/workflow/", "tests/twin/", "tests/simulation/", "tests/faults/", "tests/hostile/"),
    "tests/host_scripts/setup/",
    "tests/orchestrator/creation/test_crashes.py",
    "tests/orchestrator/launch/test_search.py",
    "tests/orchestrator/ledger/test_earlier_version.py",
)


class SharedFixtures(LoadScopeScheduling):
    """A file's tests stay together, in their order; so do all those of some folders.

    xdist's own groups are marks, which pytest 9.2 does not put into a test's id any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = next((one for one in TOGETHER if file.startswith(one)), file)
        return file if file in ALONE else folder


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedFixtures:
    return SharedFixtures(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first: it is not what a run waits for at its end."""
    longest = (*TOGETHER, *SYSTEM)
    items.sort(key=lambda item: not item.nodeid.startswith(longest))
    for item in (each for each in items if each.nodeid.startswith(SYSTEM)):
        item.add_marker("system")
