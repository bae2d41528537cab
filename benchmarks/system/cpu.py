"""CPU time and memory of a target: all its processes, all their threads, and those that ended.

CPU time is user plus kernel, of https://docs.kernel.org/scheduler/sched-stats.html in nanoseconds.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_UTIME, _STIME, _CUTIME, _CSTIME = 11, 12, 13, 14  # of proc_pid_stat(5), counted behind the name
_KIB = 1024
# proc_pid_clear_refs(5): forget the peak of the resident size
_FORGET_PEAK = "5"

_GONE = (FileNotFoundError, ProcessLookupError)


def tree(roots: Iterable[int]) -> list[int]:
    """Return the living processes: the roots and all below them."""
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += _children(pid)
    return found


def spent_ns(roots: Iterable[int]) -> int:
    """Return the CPU time of the trees so far, in nanoseconds."""
    return sum(_process_ns(pid) for pid in tree(roots))


def forget_peaks(roots: Iterable[int]) -> None:
    """Let `peak_bytes` speak of the time from now on."""
    for pid in tree(roots):
        with suppress(*_GONE):
            Path(f"/proc/{pid}/clear_refs").write_text(_FORGET_PEAK, "ascii")


def peak_bytes(roots: Iterable[int]) -> int:
    """Return the sum of each process's largest resident size.

    Never less than what the tree had at once; pages that processes share count for each.
    """
    return sum(_peak(pid) for pid in tree(roots))


def _process_ns(pid: int) -> int:
    """Return its living threads' time (exact), or its own account (in ticks) if that is more.

    Only the account has the threads that ended; both leave out the children, whose time is
    the account's once they are reaped.
    """
    account = _account(pid)
    own, reaped = account[_UTIME] + account[_STIME], account[_CUTIME] + account[_CSTIME]
    return max(sum(_threads_ns(pid)), own * _TICK_NS) + reaped * _TICK_NS


def _threads_ns(pid: int) -> Iterator[int]:
    for task in _tasks(pid):
        with suppress(*_GONE):
            yield int((task / "schedstat").read_text("ascii").split()[0])


def _account(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except _GONE:
        return [0] * (_CSTIME + 1)
    behind_the_name = text.rpartition(")")[2].split()
    return [0] + [int(number) for number in behind_the_name[1 : _CSTIME + 1]]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in _tasks(pid):
        with suppress(*_GONE):
            found += [int(child) for child in (task / "children").read_text("ascii").split()]
    return found


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except _GONE:
        return []


def _peak(pid: int) -> int:
    with suppress(*_GONE):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * _KIB
    return 0
