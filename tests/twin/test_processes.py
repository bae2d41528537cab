"""Processes of the twin end when told to, with their parent, and never by a mistaken id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from lamplighter import tied
from twin import processes

from .conftest import eventually

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_process_that_ignores_term_is_killed() -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('on', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()

    was_running = processes.end(process.pid, processes.started_at(process.pid), grace=0.3)

    assert was_running
    assert process.wait(5) == -signal.SIGKILL
    process.stdout.close()


def test_a_later_process_with_the_same_id_is_left_alone() -> None:
    process = subprocess.Popen(SLEEP)

    was_running = processes.end(process.pid, "an earlier start")

    assert not was_running
    assert process.poll() is None
    process.kill()
    process.wait()


def test_a_tied_process_ends_with_its_killed_parent(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    # The child itself tells its id: by then it is tied.
    tell = f"import os, time; open({str(told)!r}, 'w').write(f'{{os.getpid()}}'); time.sleep(60)"
    child_command = [sys.executable, tied.__file__, sys.executable, "-c", tell]
    script = f"import subprocess; subprocess.Popen({child_command!r}).wait()"
    parent = subprocess.Popen([sys.executable, "-c", script])
    child = int(eventually(lambda: told.read_text() if told.exists() else "", bool, 60))

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    eventually(lambda: processes.started_at(child), lambda start: not start, 60)
