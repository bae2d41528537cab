"""Starting and ending what is measured: pinned, logged to a file, never left behind."""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.system import cores

_ENDS_WITHIN_SECONDS = 10
_LINES_OF_A_LOG = 15


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments; `variables` are added to this process's environment."""

    name: str
    arguments: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Process:
    command: Command
    handle: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.handle.pid

    @property
    def has_ended(self) -> bool:
        return self.handle.poll() is not None

    @property
    def last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_LINES_OF_A_LOG:]
        return "\n".join([f"{self.log}:", *lines])


@contextmanager
def running(command: Command, *, core: int, folder: Path) -> Iterator[Process]:
    """Run it on the core while the block lasts; what it says goes to FOLDER/NAME.log."""
    log = folder / f"{command.name}.log"
    with log.open("wb") as output, cores.on(core):
        handle = subprocess.Popen(
            command.arguments,
            env={**os.environ, **command.variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Process(command, handle, log)
    finally:
        _end(handle)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(handle: subprocess.Popen[bytes]) -> None:
    handle.terminate()
    try:
        handle.wait(_ENDS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        handle.kill()
        handle.wait()
