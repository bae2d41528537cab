"""Every step killed with -9 between any two of its commands: the next run makes it whole.

Of the places to kill, every KILL_STRIDE-th is tried; KILL_STRIDE=1 tries them all (six minutes).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from host_scripts.sandbox import SCRIPTS, Host

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

STEPS = sorted(f"steps/{path.name}" for path in (SCRIPTS / "steps").glob("[0-8][0-9]-*.sh"))
STRIDE = int(os.environ.get("KILL_STRIDE", "41"))
KILLED = -9
# Runs before each command, those of functions and subshells too; $$ is the script in all of them.
COUNTED = """\
set -T
count=0
trap 'count=$((count + 1)); ((count != ${KILL_AT:-0})) || kill -9 $$; echo "$count" >"$COUNT"' DEBUG
"""
MUST = ("restart", "start", "enable", "daemon-reload", "reload-or-restart")


class Killed:
    """A host on which a step is about to run; run() begins from the same files each time."""

    def __init__(self, host: Host, step: str) -> None:
        self.host, self.step = host, step
        self.trap, self.count = host.root / "trap", host.root / "count"
        self.trap.write_text(COUNTED)
        self.owned = [host.etc, host.root / "run", host.root / "state", host.root / "www"]
        self.enabled = host.root / "enabled"
        self.before = host.root / "before" / Path(step).stem
        if self.before.exists():  # this test is tried again
            self.reset()
            return
        self.before.mkdir(parents=True)
        self.enabled.touch()
        shutil.copy(self.enabled, self.before)
        for folder in self.owned:
            if folder.exists():
                shutil.copytree(folder, self.before / folder.name, symlinks=True)

    def run(self, at: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the step and kill it before its command number at; 0: not at all."""
        trap = {"BASH_ENV": str(self.trap), "COUNT": str(self.count), "KILL_AT": str(at)}
        return self.host.run(self.step, **trap)

    def reset(self) -> None:
        shutil.copy(self.before / "enabled", self.enabled)
        for folder in self.owned:
            shutil.rmtree(folder, ignore_errors=True)
            if (self.before / folder.name).exists():
                shutil.copytree(self.before / folder.name, folder, symlinks=True)

    def done(self) -> set[str]:
        """Return what the last run asked systemd for."""
        systemd = [call for call in self.host.calls if call.startswith("systemctl")]
        return {call for call in systemd if call.split()[1] in MUST}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Return a machine on which the steps are run one after the other."""
    machine = Host(tmp_path_factory.mktemp("host"))
    machine.install()
    return machine


@pytest.fixture(scope="module")
def reached(host: Host) -> Callable[[str], None]:
    """Run what precedes a step, unless this machine has it behind itself."""
    ahead = list(STEPS)

    def reach(step: str) -> None:
        while ahead[0] != step:
            assert host.run(ahead.pop(0)).returncode == 0

    return reach


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_killed_anywhere_is_made_whole_by_the_next_run(
    host: Host, reached: Callable[[str], None], step: str
) -> None:
    reached(step)
    killed = Killed(host, step)
    assert killed.run().returncode == 0
    commands = int(killed.count.read_text())
    wanted, tree = killed.done(), shape(host)

    for at in range(1 + STEPS.index(step) % STRIDE, commands, STRIDE):
        killed.reset()
        assert killed.run(at).returncode == KILLED, at
        first = killed.done()
        again = killed.run()
        assert again.returncode == 0, (at, again.stderr)
        assert shape(host) == tree, at
        assert wanted <= first | killed.done(), at


def shape(host: Host) -> dict[str, tuple[int, str]]:
    """Return the files with their modes and contents; a self-signed key is a new one each time."""
    return {
        path: (mode, "" if "/tls/" in path else digest)
        for path, (mode, digest) in host.tree().items()
    }
