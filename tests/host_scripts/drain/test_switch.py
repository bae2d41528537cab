"""Clients with pools of connections, while a name is led from one host to another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from host.drain.order import Drain
from host_scripts.drain.lab import PLAIN, STREAM, Lab, front_in, started
from host_scripts.front import Front

pytestmark = pytest.mark.host
LATER = 3600.0  # seconds: longer than a test


class Name:
    """A port that leads each new connection to one host, as a name does that is looked up."""

    def __init__(self, to: Lab) -> None:
        self.to = to
        self.port = 0

    @asynccontextmanager
    async def resolved(self) -> AsyncIterator[Name]:
        server = await asyncio.start_server(self._lead, "127.0.0.1")
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.to.front.https)
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
def fronts(tmp_path: Path) -> tuple[Front, Front]:
    tmp_path.chmod(0o755)
    return front_in(tmp_path / "old"), front_in(tmp_path / "new")


@pytest.mark.parametrize("version", ["http1.1", "http2"])
async def test_a_pool_is_led_over_to_the_new_host_and_its_stream_on_the_old_one_ends_whole(
    fronts: tuple[Front, Front], version: str
) -> None:
    async with (
        started(fronts[0]) as old,
        started(fronts[1]) as new,
        Name(old).resolved() as name,
    ):
        before = new.answered
        bodies = [PLAIN, PLAIN, STREAM, *[PLAIN] * 4]
        asked = asyncio.ensure_future(old.ask(version, *bodies, port=name.port))
        await old.running.wait()
        name.to = new  # the record first, then the order: EnsureDns, DrainPredecessors
        await old.drain(Drain(time.time() + LATER, 30))
        on_old = old.answered
        old.go_on.set()

        answers = await asked

    assert [answer.status for answer in answers] == [200] * 7
    assert [answer.connects for answer in answers[:4]] == [1, 0, 0, 1]
    assert answers[2].is_whole
    assert new.answered - before == 4  # all that came after the stream
    assert old.answered == on_old
