"""A host behind a client: the real nginx, the real gateway, a scripted model server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatewaylab.model_server import Call, ModelServer, chat
from host.agent.phases import State
from host.agent.status import Status
from host.drain import nginx as draining
from host.drain.nginx import RELOAD, Nginx
from host.drain.order import Drain
from host_scripts.front import Front, nginx

CHAT = "/v1/chat/completions"
PLAIN: dict[str, Any] = {"model": "tiny", "messages": []}
STREAM = PLAIN | {"stream": True}


@dataclass(frozen=True)
class Answer:
    """connects: connections that the request opened, 0 for one from the pool."""

    status: int
    version: str
    connects: int
    head: str
    body: str

    @property
    def is_whole(self) -> bool:
        """Whether a stream came with its last event and without an error."""
        return self.body.endswith("data: [DONE]\n\n") and "error" not in self.body


@dataclass
class Lab:
    """A host: model server, gateway, nginx. The test is its agent, and its root.

    answered: how many requests its model server got.
    """

    folder: Path
    front: Front
    model_server: ModelServer
    running: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    answered: int = 0

    async def answer(self, call: Call) -> None:
        """Answer at once; a stream after its first event only when the test lets it go on."""
        self.answered += 1
        if not json.loads(call.body).get("stream"):
            await chat(call)
            return
        call.start_stream()
        call.event("first")
        self.running.set()
        await self.go_on.wait()
        call.event("last", "stop")
        call.end_stream()

    async def ask(self, version: str, *bodies: dict[str, Any], port: int = 0) -> list[Answer]:
        """Ask one after the other, with curl and its pool of connections, there or at this port."""
        words: list[str] = []
        for number, body in enumerate(bodies):
            words += ["--next"] if number else []
            words += [f"--{version}", "--insecure", "--silent", "--json", json.dumps(body)]
            words += ["--output", f"{number}.body", "--dump-header", f"{number}.head"]
            words += ["--write-out", "%{http_code} %{http_version} %{num_connects}\n"]
            words += [f"https://127.0.0.1:{port or self.front.https}{CHAT}"]
        here = self.folder / str(time.monotonic_ns())
        here.mkdir()
        curl = await asyncio.create_subprocess_exec(
            "curl", *words, cwd=here, stdout=subprocess.PIPE
        )
        output, _ = await curl.communicate()
        return [
            Answer(int(status), version, int(connects), read(here, f"{number}.head"),
                   read(here, f"{number}.body"))
            for number, line in enumerate(output.decode().splitlines())
            for status, version, connects in [line.split()]
        ]  # fmt: skip

    async def drain(self, order: Drain | None) -> None:
        """Do what the agent does with an order and root for it, until new connections show it."""
        applied, request = self.folder / "nginx-drain.conf", self.folder / "drain"
        before = self._workers()
        self.pass_on(order)
        Nginx(request, applied, time.monotonic).drain(wanted=order is not None)
        assert draining.carry_out(request, applied, self._reload)
        await until_so(lambda: self._accept_no_more(before))
        await until_so(lambda: self._closes(order is not None))

    async def refuse(self) -> None:
        """Let the order's time come, until the gateway refuses."""
        self.pass_on(Drain(time.time() - 1, 30))
        await until_so(lambda: self._has_status(503))

    def pass_on(self, order: Drain | None) -> None:
        Status(self.folder / "status", time.time).show(State("serving"), 0.0, order)

    async def serves(self) -> None:
        await until_so(lambda: self._has_status(200))

    async def _has_status(self, status: int) -> bool:
        return (await self.ask("http1.1", PLAIN))[0].status == status

    def _workers(self) -> list[Path]:
        master = read(self.front.folder, "pid").strip()
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [Path("/proc") / each for each in children]

    async def _accept_no_more(self, workers: list[Path]) -> bool:
        """Return whether they have closed what they listened on; running streams keep them."""
        there = [each / "cmdline" for each in workers if each in self._workers()]
        return all("shutting down" in each.read_text() for each in there)

    async def _closes(self, wanted: bool) -> bool:  # noqa: FBT001
        [answer] = await self.ask("http1.1", PLAIN)
        return ("connection: close" in answer.head.lower()) == wanted

    def _reload(self, command: Sequence[str]) -> str | None:
        """Reload as the unit does: systemd runs this for it."""
        assert tuple(command) == RELOAD
        files = ["-c", str(self.front.conf), "-e", str(self.folder / "error.log")]
        done = subprocess.run([nginx(), *files, "-s", "reload"], check=False)
        return None if done.returncode == 0 else f"exit {done.returncode}"


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text()


async def until_so(is_so: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 60
    while not await is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def front_in(folder: Path) -> Front:
    """Return a host's nginx, with its files in this folder."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    return Front(folder, endpoint_host="", default_timeout_seconds=10, max_timeout_seconds=60)


@asynccontextmanager
async def started(front: Front) -> AsyncIterator[Lab]:
    """A host that serves, behind this nginx."""
    folder = front.folder
    async with ModelServer() as model_server:
        environment = {
            "INFERENCE_BACKENDS": model_server.origin,
            "INFERENCE_ETA_FILE": str(folder / "status"),
        }
        command = [sys.executable, "-m", "gateway", "--port", str(front.up)]
        gateway = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=subprocess.DEVNULL
        )
        proxy = front.start()
        lab = Lab(folder, front, model_server)
        model_server.on[CHAT] = lab.answer
        await lab.serves()
        yield lab
        proxy.terminate()
        gateway.terminate()
        proxy.wait(10)
        await gateway.wait()
