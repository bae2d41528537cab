"""Clients of a host that drains, through the real nginx and the real gateway."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from gatewaylab.model_server import Call, ModelServer, chat
from host.agent.phases import State
from host.agent.status import Status
from host.drain import nginx as draining
from host.drain.nginx import RELOAD, Nginx
from host.drain.order import Drain
from host_scripts.front import Front, nginx

pytestmark = pytest.mark.host
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
    """A host: model server, gateway, nginx. The test is its agent, and its root."""

    folder: Path
    front: Front
    model_server: ModelServer
    running: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, call: Call) -> None:
        """Answer at once; a stream after its first event only when the test lets it go on."""
        if not json.loads(call.body).get("stream"):
            await chat(call)
            return
        call.start_stream()
        call.event("first")
        self.running.set()
        await self.go_on.wait()
        call.event("last", "stop")
        call.end_stream()

    async def ask(self, version: str, *bodies: dict[str, Any]) -> list[Answer]:
        """Ask one after the other, with curl and its pool of connections."""
        words: list[str] = []
        for number, body in enumerate(bodies):
            words += ["--next"] if number else []
            words += [f"--{version}", "--insecure", "--silent", "--json", json.dumps(body)]
            words += ["--output", f"{number}.body", "--dump-header", f"{number}.head"]
            words += ["--write-out", "%{http_code} %{http_version} %{num_connects}\n"]
            words += [f"https://127.0.0.1:{self.front.https}{CHAT}"]
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
        self.pass_on(order)
        Nginx(request, applied, time.monotonic).drain(wanted=order is not None)
        assert draining.carry_out(request, applied, self._reload)
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
    deadline = time.monotonic() + 20
    while not await is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture
def front(tmp_path: Path) -> Front:
    tmp_path.chmod(0o755)
    return Front(tmp_path, endpoint_host="", default_timeout_seconds=10, max_timeout_seconds=60)


@pytest.fixture
async def lab(tmp_path: Path, front: Front) -> AsyncIterator[Lab]:
    async with ModelServer() as model_server:
        environment = {
            "INFERENCE_BACKENDS": model_server.origin,
            "INFERENCE_ETA_FILE": str(tmp_path / "status"),
        }
        command = [sys.executable, "-m", "gateway", "--port", str(front.up)]
        gateway = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=subprocess.DEVNULL
        )
        proxy = front.start()
        lab = Lab(tmp_path, front, model_server)
        model_server.on[CHAT] = lab.answer
        await lab.serves()
        yield lab
        proxy.terminate()
        gateway.terminate()
        proxy.wait(10)
        await gateway.wait()


LATER = 3600.0  # seconds: longer than a test


@pytest.mark.parametrize(("version", "number"), [("http1.1", "1.1"), ("http2", "2")])
async def test_a_running_stream_ends_whole_and_the_next_requests_open_new_connections(
    lab: Lab, version: str, number: str
) -> None:
    asked = asyncio.ensure_future(lab.ask(version, PLAIN, PLAIN, STREAM, *[PLAIN] * 4))
    await lab.running.wait()
    await lab.drain(Drain(time.time() + LATER, 30))
    lab.go_on.set()

    answers = await asked

    assert [answer.status for answer in answers] == [200] * 7
    assert {answer.version for answer in answers} == {number}
    assert [answer.connects for answer in answers] == [1, 0, 0, 1, 1, 1, 1]
    assert answers[2].is_whole


@pytest.mark.parametrize("version", ["http1.1", "http2"])
async def test_new_requests_are_refused_when_the_time_has_come_and_a_stream_still_ends_whole(
    lab: Lab, version: str
) -> None:
    asked = asyncio.ensure_future(lab.ask(version, STREAM))
    await lab.running.wait()
    await lab.drain(Drain(time.time() + LATER, 30))
    await lab.refuse()

    refused = await lab.ask(version, PLAIN, PLAIN)
    lab.go_on.set()
    [stream] = await asked

    assert [(answer.status, answer.connects) for answer in refused] == [(503, 1)] * 2
    assert all("retry-after: 30" in answer.head.lower() for answer in refused)
    assert json.loads(refused[0].body)["error"]["code"] == "host_draining"
    assert stream.is_whole


async def test_a_client_that_never_tries_again_sees_no_failure(lab: Lab) -> None:
    url = f"https://127.0.0.1:{lab.front.https}{CHAT}"
    async with httpx.AsyncClient(verify=False) as client:  # noqa: S501 - our own
        statuses = [(await client.post(url, json=PLAIN)).status_code for _ in range(3)]
        await lab.drain(Drain(time.time() + LATER, 30))
        statuses += [(await client.post(url, json=PLAIN)).status_code for _ in range(3)]

    assert statuses == [200] * 6


async def test_an_order_that_is_withdrawn_keeps_connections_again(lab: Lab) -> None:
    await lab.drain(Drain(time.time() + LATER, 30))
    await lab.drain(None)

    answers = await lab.ask("http2", PLAIN, PLAIN, PLAIN)

    assert [(answer.status, answer.connects) for answer in answers] == [
        (200, 1),
        (200, 0),
        (200, 0),
    ]
