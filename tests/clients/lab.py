"""`python -m clients.lab`: a gateway process with a played vLLM behind it.

Prints one JSON line once the gateway answers (`url`, `engine`, `key`, ...) and stops with its
standard input: a suite in any language starts it and is sure that nothing stays behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ports import free_port

from clients import keys
from clients.engine import Engine
from clients.plays import answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

FIRST_BYTE_SECONDS = 4  # the budget that the plays `hang` and `stall` run into
_START_SECONDS = 30
_STOP_SECONDS = 15


@dataclass(frozen=True)
class Lab:
    """Where everything is; `log` is the gateway's output so far, `pid` its process."""

    url: str
    engine: str
    log: str
    pid: int
    key: str = keys.KEY
    hasty: str = keys.HASTY
    slow: str = keys.SLOW
    narrow: str = keys.NARROW

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def calls(self, identity: str) -> list[dict[str, Any]]:
        """Return what the engine saw of the requests with this `lab.id`."""
        found: list[dict[str, Any]] = fetch(f"{self.engine}/lab/calls?id={identity}")
        return found

    def judged(self) -> dict[str, Any]:
        """Return the engine's `defects`, and its `count` of requests so far."""
        found: dict[str, Any] = fetch(f"{self.engine}/lab/defects")
        return found

    def in_flight(self) -> int:
        return int(fetch(f"{self.url}/health/ready")["in_flight"])


@contextlib.contextmanager
def borrowed(**environment: str) -> Iterator[Lab]:
    """Lend the lab that the environment names, or one of our own in a process beside us.

    Its gateway gets this environment; `PORT` is where it listens.
    """
    if given := os.environ.get("LAB"):
        yield Lab(**json.loads(given))
        return
    with subprocess.Popen(
        [sys.executable, "-m", "clients.lab", *(f"{n}={v}" for n, v in environment.items())],
        env=os.environ | {"PYTHONPATH": _path()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        with process.stdin:  # its end is the lab's end
            line = process.stdout.readline()
            assert line, "the lab did not start; its own words are above"
            yield Lab(**json.loads(line))


def _path() -> str:
    here = str(Path(__file__).parents[1])
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), here]))


@contextlib.asynccontextmanager
async def opened(folder: Path, **environment: str) -> AsyncIterator[tuple[Lab, Engine]]:
    """Run a gateway, with this environment, before an engine in this loop."""
    async with Engine(answer) as engine:
        with gateway(folder, engine.origin, **environment) as (url, process):
            await asyncio.to_thread(_wait_until_ready, url, process, folder / "gateway.log")
            yield Lab(url, engine.origin, str(folder / "gateway.log"), process.pid), engine


@contextlib.contextmanager
def gateway(
    folder: Path, backend: str, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = int(environment.pop("PORT", "0")) or free_port()
    given = {n: v for n, v in os.environ.items() if not n.startswith("INFERENCE_")}
    given |= {
        "INFERENCE_BACKENDS": backend,
        "INFERENCE_KEYS_FILE": str(folder / "keys"),
        "INFERENCE_DEFAULT_TIMEOUT_SECONDS": str(FIRST_BYTE_SECONDS),
        "INFERENCE_MAX_TIMEOUT_SECONDS": str(FIRST_BYTE_SECONDS * 5),
    } | environment
    process = _start(folder, port, given)
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        _stop(process)


def _start(folder: Path, port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    keys.write(folder / "keys")
    command = [sys.executable, "-m", "gateway", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "gateway.log").open("wb") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            if fetch(f"{url}/health/ready")["status"] == "ready":
                return
        time.sleep(0.05)
    raise AssertionError(f"the gateway did not become ready:\n{log.read_text()[-3000:]}")


def fetch(url: str) -> Any:
    """Return the JSON that this lab's gateway or engine says, whatever its status."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", f"{place.path}?{place.query}")
        return json.loads(connection.getresponse().read())


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(argument.split("=", 1) for argument in sys.argv[1:])
        async with opened(Path(folder), **environment) as (lab, _):
            sys.stdout.write(json.dumps(asdict(lab)) + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
