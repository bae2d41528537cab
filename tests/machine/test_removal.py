"""The lab leaves this computer as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine.lab import machine
from machine.lab.cloud import network
from machine.lab.whole import HOME, Lab

pytestmark = pytest.mark.host


def test_nothing_is_left(lab: Lab) -> None:
    lab.remove()

    assert network.leftovers() == []
    assert not machine.is_left()
    assert not (HOME / "host-lab").exists()
    assert str(HOME) not in Path("/proc/mounts").read_text()
    assert not [each for each in Path("/proc").glob("[0-9]*/cmdline") if _is_ours(each)]


def _is_ours(command: Path) -> bool:
    try:
        return str(HOME).encode() in command.read_bytes()
    except OSError:  # it has ended meanwhile
        return False
