"""Programs of the lab: each has a log, and none outlives the test run, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from twin.processes import die_with_parent


class Processes:
    """logs: folder of one file a program."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True)

    def start(self, name: str, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads at work while we start
                env={**os.environ, **environment},
            )
        self._running[name] = process
        return process

    def end(self, name: str, seconds: float = 5) -> None:
        """Ask it to end; after so many seconds make it."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait(self, name: str, seconds: float) -> None:
        """Wait until it has ended by itself."""
        self._running.pop(name).wait(seconds)

    def pid(self, name: str) -> int:
        """Return 0 for a program that is not running."""
        process = self._running.get(name)
        return process.pid if process and process.poll() is None else 0

    def end_all(self) -> None:
        for name in reversed(list(self._running)):
            self.end(name)

    def wait_for(self, name: str, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Raise with the end of its log when the program ends, or is not ready in time."""
        deadline = time.monotonic() + seconds
        while not ready():
            ended = self._running[name].poll() is not None
            if ended or time.monotonic() > deadline:
                log = (self.logs / f"{name}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{name} {'ended' if ended else 'is not ready'}:\n{log}")
            time.sleep(0.05)
