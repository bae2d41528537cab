"""One lab for all tests here: they run in the order of their files, and each leaves it serving."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest
from machine.lab import packages, whole
from machine.lab.image import tree
from machine.lab.whole import Lab

Say = Callable[[str], None]


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Return a lab whose machine was switched on; what it does then is for the tests to see."""
    if os.geteuid() != 0:
        pytest.skip("booting a machine needs root: network namespaces, mounts, systemd-nspawn")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():  # what takes a minute says so
        packages.provide()
        tree.prepare(whole.TREES)
    with whole.lab() as running:
        running.machine.boot()
        yield running


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Return how a test prints a measurement. A worker of xdist has no other output than stderr."""

    def aloud(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}", end=" ", file=sys.stderr, flush=True)  # noqa: T201

    return aloud
