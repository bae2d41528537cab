"""The emulator's side of the fork server: starts it, asks for workers, looks like `Popen`."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

# One message carries a worker's whole environment.
MESSAGE_BYTES = 256 * 1024


class Forked:
    """A process that is not our child: its end is seen through a pidfd.

    Has the part of Popen's interface that ministack uses: stdin, stdout, stderr, pid, returncode,
    poll, wait, terminate, kill.
    """

    def __init__(
        self, pid: int, pidfd: int, stdin: IO[str], stdout: IO[str], stderr: IO[str]
    ) -> None:
        self.pid, self._pidfd = pid, pidfd
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and self._ended_within(0):
            self.returncode = 0
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raise TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            if not self._ended_within(timeout):
                raise subprocess.TimeoutExpired(f"worker {self.pid}", timeout or 0)
            self.returncode = 0
        return self.returncode

    def _ended_within(self, timeout: float | None) -> bool:
        """Wait up to timeout seconds; poll, not select, which knows descriptors below 1024 only."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def __del__(self) -> None:
        os.close(self._pidfd)


class Parent:
    """The preloaded process that workers are forked from."""

    def __init__(self, channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self._channel, self._process = channel, process
        self._turn = threading.Lock()
        self._loaded = False

    @classmethod
    def start(cls) -> Parent:
        """Start it; it loads (about 1 s) while the emulator does, the first worker waits for it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "twin.emulator.lambdas.zygote", str(theirs.fileno())]
        process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of ours
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        return cls(ours, process)

    def fork(self, script: str, *, cwd: str, env: dict[str, str]) -> Forked:
        """Run `script` as __main__ in a child with this folder, environment and three pipes."""
        child_in, our_in = os.pipe()
        our_out, child_out = os.pipe()
        our_err, child_err = os.pipe()
        theirs = [child_in, child_out, child_err]
        request = json.dumps({"script": script, "cwd": cwd, "env": env}).encode()
        with self._turn:
            self._await_loaded()
            socket.send_fds(self._channel, [request], theirs)
            answer, descriptors, _, _ = socket.recv_fds(self._channel, MESSAGE_BYTES, 1)
        for each in theirs:
            os.close(each)
        return Forked(
            int(answer),
            descriptors[0],
            _text(our_in, "w"),
            _text(our_out, "r"),
            _text(our_err, "r"),
        )

    def _await_loaded(self) -> None:
        if not self._loaded and self._channel.recv(16) != b"ready":
            raise RuntimeError("the fork server of the Lambda workers ended while it loaded")
        self._loaded = True


def _text(descriptor: int, mode: str) -> IO[str]:
    return open(descriptor, mode, encoding="utf-8", errors="replace", buffering=1)
