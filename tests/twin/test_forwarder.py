"""An address is one port: it leads to its host, moves with it, and refuses without one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from twin.hosts.forwarder import Forwarder


async def echo(greeting: bytes) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting + await reader.readline())
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"x\n")
    answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
async def forwarder() -> AsyncIterator[Forwarder]:
    forwarder = Forwarder()
    yield forwarder
    await forwarder.close()


async def test_it_refuses_until_it_leads_somewhere(forwarder: Forwarder) -> None:
    with pytest.raises(ConnectionRefusedError):
        await ask(forwarder.port)

    async with await echo(b"one ") as one:
        await forwarder.lead_to(port_of(one))
        assert await ask(forwarder.port) == b"one x\n"


async def test_its_port_stays_when_the_host_changes(forwarder: Forwarder) -> None:
    async with await echo(b"one ") as one, await echo(b"two ") as two:
        await forwarder.lead_to(port_of(one))
        await forwarder.lead_to(port_of(two))

        assert await ask(forwarder.port) == b"two x\n"


async def test_an_address_that_moves_ends_its_connections(forwarder: Forwarder) -> None:
    async with await echo(b"one ") as one, await echo(b"two ") as two:
        await forwarder.lead_to(port_of(one))
        reader, writer = await asyncio.open_connection("127.0.0.1", forwarder.port)
        await forwarder.lead_to(port_of(one))  # not a move
        writer.write(b"x\n")
        kept = await reader.read()
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", forwarder.port)
        await asyncio.sleep(0.1)  # until it is accepted: later, it would be led to the other one
        await forwarder.lead_to(port_of(two))
        with suppress(ConnectionResetError):
            ended = await asyncio.wait_for(reader.read(), 10)
            assert ended == b""
        writer.close()

    assert kept == b"one x\n"


async def test_it_refuses_again_without_a_host(forwarder: Forwarder) -> None:
    async with await echo(b"one ") as one:
        await forwarder.lead_to(port_of(one))
        await forwarder.lead_to(0)

        with pytest.raises(ConnectionRefusedError):
            await ask(forwarder.port)


async def test_a_dead_host_answers_nothing(forwarder: Forwarder) -> None:
    with socket.socket() as gone:  # held and never listening: nobody else can answer there
        gone.bind(("127.0.0.1", 0))
        await forwarder.lead_to(gone.getsockname()[1])

        assert await ask(forwarder.port) == b""
