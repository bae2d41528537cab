import os
import subprocess
import sys
import time

import pytest

from benchmarks.system import cores, cpu

_MILLISECOND = 1_000_000
# 0.2 s of CPU, whatever the machine's speed.
_SPIN = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"


@pytest.fixture
def running():
    """Start Python with this code; it says when it is done and then waits for its end."""
    started = []

    def start(code):
        command = [sys.executable, "-c", f"{code}\nprint('done', flush=True); input()"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"done\n"
        return process.pid

    yield start
    for process in started:
        process.communicate(b"\n")


def test_a_process_that_works_is_seen(running):
    assert cpu.spent_ns([running(_SPIN)]) >= 200 * _MILLISECOND


def test_a_process_that_sleeps_costs_nothing_more(running):
    pid = running("pass")
    before = cpu.spent_ns([pid])

    time.sleep(0.2)

    assert cpu.spent_ns([pid]) - before < 20 * _MILLISECOND


def test_a_living_child_is_seen(running):
    code = (
        "import subprocess, sys\n"
        f"spin = {_SPIN!r} + 'print(flush=True); input()'\n"
        "pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child = subprocess.Popen([sys.executable, '-c', spin], **pipes)\n"
        "child.stdout.readline()"
    )
    pid = running(code)

    assert len(cpu.tree([pid])) == 2
    assert cpu.spent_ns([pid]) >= 200 * _MILLISECOND


def test_a_child_that_was_reaped_is_seen(running):
    pid = running(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_SPIN!r}])")

    assert len(cpu.tree([pid])) == 1
    assert cpu.spent_ns([pid]) >= 190 * _MILLISECOND


def test_a_thread_that_ended_is_seen(running):
    pid = running(
        f"import threading\nspin = {_SPIN!r}\n"
        "one = threading.Thread(target=exec, args=(spin, {})); one.start(); one.join()"
    )

    assert cpu.spent_ns([pid]) >= 190 * _MILLISECOND


def test_a_process_that_is_gone_costs_nothing():
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()

    assert cpu.spent_ns([gone.pid]) == 0
    assert cpu.peak_bytes([gone.pid]) == 0
    cpu.forget_peaks([gone.pid])


def test_the_peak_is_of_the_time_since_it_was_forgotten(running):
    pid = running("held = bytearray(b'x' * 80_000_000); del held")
    before = cpu.peak_bytes([pid])

    cpu.forget_peaks([pid])

    assert before > 80_000_000
    assert cpu.peak_bytes([pid]) < before - 60_000_000


def test_a_child_is_pinned_before_its_first_instruction():
    before = os.sched_getaffinity(0)
    core = min(before)
    code = "import os; print(os.sched_getaffinity(0))"

    with cores.on(core):
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert said.stdout.strip() == f"{{{core}}}".encode()
    assert os.sched_getaffinity(0) == before
