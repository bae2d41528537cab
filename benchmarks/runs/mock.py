"""The model server that every target stands in front of: c/mock.c, started once for all."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.errors import LoadFailed
from benchmarks.system.processes import Command, free_port, running

_STARTS_WITHIN_SECONDS = 5
_ENDS_WITHIN_SECONDS = 1
_BETWEEN_TRIES_SECONDS = 0.02
_RUNNING = "vllm:num_requests_running"


@contextmanager
def listening(program: Path, *, core: int, folder: Path) -> Iterator[int]:
    """Keep it running; the value is its port. Raises LoadFailed."""
    port = free_port()
    with running(Command("mock", (str(program), str(port))), core=core, folder=folder) as process:
        deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
        while not _is_up(port):
            if process.has_ended or time.monotonic() > deadline:
                raise LoadFailed(f"the mock did not start. {process.last_words}")
            time.sleep(_BETWEEN_TRIES_SECONDS)
        yield port


def counters(port: int) -> dict[str, int]:
    """Return its /metrics by name, without labels. Raises LoadFailed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_STARTS_WITHIN_SECONDS)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode("ascii").splitlines()
    except (OSError, http.client.HTTPException) as error:
        raise LoadFailed(f"the mock does not answer: {error}") from error
    finally:
        connection.close()
    return {line.split("{")[0].split()[0]: int(line.split()[-1]) for line in lines}


def left_running(port: int) -> int:
    """Return how many generations a target still holds although all its clients are gone."""
    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    while left := counters(port)[_RUNNING]:
        if time.monotonic() > deadline:
            break
        time.sleep(_BETWEEN_TRIES_SECONDS)
    return left


def _is_up(port: int) -> bool:
    try:
        return bool(counters(port))
    except LoadFailed:
        return False
