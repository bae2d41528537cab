"""Fixtures for the host's scripts and its agent."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest
from host_scripts.sandbox import SCRIPTS, Host

if TYPE_CHECKING:
    from pathlib import Path

# The host's programs are imported from the folder that is uploaded: no byte code may be left there.
sys.path.insert(0, str(SCRIPTS))
_before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
for _program in ("agent.__main__", "certificate.__main__", "diagnose.__main__", "machine.facts",
                 "probes.verify"):  # fmt: skip
    importlib.import_module(f"host.{_program}")
sys.dont_write_bytecode = _before


@pytest.fixture
def blank_host(tmp_path: Path) -> Host:
    """Return a machine on which bootstrap has not run yet."""
    return Host(tmp_path)


@pytest.fixture
def host(blank_host: Host) -> Host:
    """Return a machine with our scripts and settings, set up not at all."""
    blank_host.install()
    return blank_host
