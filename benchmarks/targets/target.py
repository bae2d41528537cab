"""What a target is: a front of an OpenAI server, made of one or more processes."""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import TargetFailed
from benchmarks.loads import LOADS
from benchmarks.system.cores import Cores
from benchmarks.system.processes import Command, Process, free_port, running

_STARTS_WITHIN_SECONDS = 90
_BETWEEN_TRIES_SECONDS = 0.1
_OK = 200


@dataclass(frozen=True, slots=True)
class Lab:
    """Where a target finds itself: a folder for its files, the model server, the one good key."""

    folder: Path
    cores: Cores
    mock_port: int
    key: str

    @property
    def backend(self) -> str:
        return f"http://127.0.0.1:{self.mock_port}"

    @property
    def authorization(self) -> str:
        return f"Bearer {self.key}"


@dataclass(frozen=True, slots=True)
class Target:
    """`commands` are started in their order; one of them listens on the port, on loopback."""

    name: str
    commands: Callable[[Lab, int], list[Command]]
    version: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Front:
    """A target that answers."""

    target: Target
    port: int
    processes: list[Process]

    @property
    def roots(self) -> list[int]:
        return [process.pid for process in self.processes]

    def check(self) -> None:
        """Raises TargetFailed if a process has ended."""
        for process in self.processes:
            if process.has_ended:
                raise TargetFailed(f"{self.target.name} has ended. {process.last_words}")


@contextmanager
def serving(target: Target, lab: Lab) -> Iterator[Front]:
    """Keep the target running, from its first good answer on. Raises TargetFailed."""
    port = free_port()
    with ExitStack() as stack:
        processes = [
            stack.enter_context(running(command, core=lab.cores.target, folder=lab.folder))
            for command in target.commands(lab, port)
        ]
        front = Front(target, port, processes)
        _await_answer(front, lab)
        yield front


def _await_answer(front: Front, lab: Lab) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while not _answers(front.port, lab):
        front.check()
        if time.monotonic() > deadline:
            words = "\n".join(process.last_words for process in front.processes)
            raise TargetFailed(
                f"{front.target.name} gave no good answer in {_STARTS_WITHIN_SECONDS} s. {words}"
            )
        time.sleep(_BETWEEN_TRIES_SECONDS)


def _answers(port: int, lab: Lab) -> bool:
    """Ask for a whole completion: health endpoints speak before the workers are known."""
    asked = LOADS["requests"]
    headers = {"Authorization": lab.authorization, "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_STARTS_WITHIN_SECONDS)
    try:
        connection.request("POST", asked.path, asked.body, headers)
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
