"""Processes of the twin: die with their parent, and are ended without orphans or mistaken ids."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent thread ends (Linux; elsewhere a no-op)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def show_as(name: str) -> None:
    """Let `ps` show this process by a name of its own: its first 15 bytes (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode())


def started_at(pid: int) -> str:
    """What tells this process from a later one with the same id; empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return "" if Path("/proc").exists() else _answers(pid)
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _answers(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "running"


def end(pid: int, start: str, *, grace: float = 10.0) -> bool:
    """Stop the process if it is still that one; TERM, then KILL after `grace` seconds.

    Returns whether it was running.
    """
    if not start or started_at(pid) != start:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    if not _gone(pid, start, grace):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _gone(pid, start, grace)
    return True


def _gone(pid: int, start: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if started_at(pid) != start:
            return True
        time.sleep(0.05)
    return False
