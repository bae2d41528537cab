"""The twin's two processes: the local AWS and the host runner. They outlive the command."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from lamplighter.errors import Unavailable
from twin import processes
from twin.record import Process, Twin

FIRST_PORT = 4566
_PORTS_TRIED = 20
_START_SECONDS = 60.0
_KEPT_LOG_LINES = 15


def start_emulator(state: Path, engine: str, port: int | None) -> Twin:
    """Start the local AWS and wait until it answers."""
    twin = Twin(state, _port(port), engine)
    log = state / "emulator.log"
    command = ["-m", "twin.emulator", "--port", str(twin.port), "--state", str(state)]
    own = {
        "LAMPLIGHTER_ORIGINS": str(twin.origins),
        "LOCAL_FAULTS": str(twin.faults),
        "LOCAL_JOURNAL": str(twin.journal),
        "LOCAL_ALLOW_AWS_EVENTS": "1",
    }
    twin.origins.write_text("{}\n", encoding="utf-8")
    process = _spawn(command, dict(os.environ) | own, log)
    twin = twin.with_process("emulator", process)
    twin.save()
    _await_answer(twin.port, process, log)
    return twin


def start_hosts(twin: Twin, environment: Mapping[str, str], project: Path) -> Twin:
    """Start the host runner."""
    command = [
        "-m", "twin.hosts", "--folder", str(twin.state / "hosts"),
        "--origins", str(twin.origins), "--engine", twin.engine, "--home", str(project),
    ]  # fmt: skip
    process = _spawn(command, clean(os.environ) | dict(environment), twin.state / "hosts.log")
    twin = twin.with_process("hosts", process)
    twin.save()
    return twin


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the caller's own AWS settings: the twin must never reach AWS."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def _spawn(arguments: list[str], environment: dict[str, str], log: Path) -> Process:
    with log.open("ab") as output:
        started = subprocess.Popen(  # noqa: S603 - this interpreter, modules of ours
            [sys.executable, *arguments], env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    # It outlives this process, which never waits for it.
    started.returncode = 0
    return Process(started.pid, processes.started_at(started.pid))


def _port(wanted: int | None) -> int:
    """The wanted port, or the first free one from 4566 on."""
    candidates = [wanted] if wanted else range(FIRST_PORT, FIRST_PORT + _PORTS_TRIED)
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    taken = f"port {wanted} is" if wanted else f"ports {FIRST_PORT} and the next are"
    raise Unavailable(f"{taken} taken on 127.0.0.1: choose one with `lamplighter local up --port`")


def _await_answer(port: int, process: Process, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if processes.started_at(process.pid) != process.start:
            raise Unavailable(f"the local AWS ended at its start, {log} ends with:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise Unavailable(
                f"the local AWS does not answer after {_START_SECONDS:.0f} s: run `lamplighter"
                f" local down` and try again; {log} ends with:\n{_tail(log)}"
            )
        time.sleep(0.05)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_KEPT_LOG_LINES:])
