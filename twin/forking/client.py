"""The other side of the fork server: starts it, asks it for children, sees and makes them end."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

# One message carries a child's whole environment.
MESSAGE_BYTES = 256 * 1024
READY = b"ready"


class Forked:
    """A process that is not our child: its end is seen through a pidfd, its status is not."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid, self._pidfd = pid, pidfd

    def fileno(self) -> int:
        """Readable once the process has ended."""
        return self._pidfd

    def has_ended(self, within: float | None = 0) -> bool:
        """Wait up to so many seconds; poll, not select, which knows descriptors below 1024 only."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(None if within is None else within * 1000))

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def __del__(self) -> None:
        os.close(self._pidfd)


class ForkServer:
    """The process that has imported everything, and that the others are forked from."""

    def __init__(self, channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self._channel, self._process = channel, process
        self._turn = threading.Lock()
        self._loaded = False

    @classmethod
    def start(cls, preload: str) -> ForkServer:
        """Start it; it loads (about 1 s) meanwhile, and the first child waits for it.

        preload: the name of a module with MODULES to import and SERVICES of AWS to get ready.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "twin.forking.server", str(theirs.fileno()), preload]
        process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of ours
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        return cls(ours, process)

    def fork(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        descriptors: Sequence[int],
    ) -> Forked:
        """Run a program as __main__, in a session of its own.

        program: a file's path (.py), or a module's name. descriptors: stdin, stdout and stderr.
        """
        wanted = {"program": program, "arguments": list(arguments), "cwd": cwd, "env": dict(env)}
        with self._turn:
            self._await_loaded()
            socket.send_fds(self._channel, [json.dumps(wanted).encode()], list(descriptors))
            answer, answered, _, _ = socket.recv_fds(self._channel, MESSAGE_BYTES, 1)
        return Forked(int(answer), answered[0])

    def _await_loaded(self) -> None:
        if not self._loaded and self._channel.recv(16) != READY:
            raise RuntimeError("the fork server ended while it loaded")
        self._loaded = True
