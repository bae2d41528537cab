"""Hand over to another program: become it, or stay beside it to clean up when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from lamplighter import tied

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIGNALLED = 128  # what a shell adds to the number of the signal that ended a program


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], list(command), dict(environment))  # noqa: S606 - the command is ours


def accompany(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it until it ends; return its exit code, as a shell gives it.

    Signals are passed on, once each: the program has a process group of its own, so that Ctrl-C
    does not reach it a second time from the terminal. It ends with this process (Linux).
    """
    beside: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _frame: object) -> None:
        if not beside:
            sys.exit(_SIGNALLED + number)
        beside[0].send_signal(number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    kept_with_us = [sys.executable, "-I", "-S", tied.__file__]
    beside.append(
        subprocess.Popen([*kept_with_us, *command], env=dict(environment), process_group=0)  # noqa: S603
    )
    status = beside[0].wait()
    return status if status >= 0 else _SIGNALLED - status
