"""The vLLM server: started, asked for its gauges, and ended in the ways in which servers end.

It takes some 30 s and 3 GB to start: tests share it, one at a time, and start it again where they
have killed it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx
from patience import eventually
from ports import free_port
from twin.control import PROJECT
from twin.engines import vllm

MODEL = "tiny"
START_SECONDS = 180
_STOP_SECONDS = 30
_CORE = "VLLM::EngineCor"  # as the kernel cuts it


class Engine:
    """`more` are further arguments of `vllm serve`. Its port stays the same."""

    def __init__(self, log: Path, *more: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._command = [*vllm.command(PROJECT, MODEL, self.port), *more]
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._is_settled = False

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        self._began, self._is_settled = time.monotonic(), False
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=os.environ | vllm.ENVIRONMENT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ensure(self) -> None:
        """Have it answer, from a start of its own if nobody's still runs."""
        if not self.is_running:
            self.launch()
        if not self._is_settled:
            eventually(self._is_well, bool, START_SECONDS)
            self._leave_a_core()
            took = time.monotonic() - self._began
            print(f"vLLM answered {took:.0f} s after its start")  # noqa: T201 -- for people
            self._is_settled = True

    def stop(self, patience: float = _STOP_SECONDS) -> None:
        """Stop it as docker does: ask, wait, and kill what is left of it."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        for pid in _members(self._process):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(_STOP_SECONDS)

    def core(self) -> int:
        """Return the id of the process that computes."""
        [found] = [pid for pid, name in _members(self._process).items() if name == _CORE]
        return found

    def gauge(self, name: str) -> float:
        """Return the sum of a metric's series."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).text
        found = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def running(self) -> int:
        return int(self.gauge("vllm:num_requests_running"))

    def asked(self) -> set[str]:
        """Return the paths that it was asked for since its first start, as its log has them."""
        return set(re.findall(r'"[A-Z]+ (\S+) HTTP/1\.1" \d', self.said()))

    def said(self) -> str:
        """Return all that it wrote since its first start."""
        return self._log.read_text("utf-8", errors="replace")

    def _leave_a_core(self) -> None:
        """Keep it off one core: on two, its two busy loops starve all others, for seconds."""
        cores = sorted(os.sched_getaffinity(0))
        for member in _members(self._process):
            for thread in Path(f"/proc/{member}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread.name), cores[1:] or cores)

    def _is_well(self) -> bool:
        assert self.is_running, f"vLLM ended: {self._log.read_text('utf-8')[-2000:]}"
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False


def _members(leader: subprocess.Popen[bytes] | None) -> dict[int, str]:
    """Return the processes of its session that live, and what they call themselves."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, name, rest = re.split(r" \(|\) ", stat.read_text("utf-8"), maxsplit=2)
        except OSError:  # it ended while we looked
            continue
        state, _, _, session = rest.split()[:4]
        if leader is not None and int(session) == leader.pid and state != "Z":
            found[int(pid)] = name
    return found
