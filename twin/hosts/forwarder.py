"""A public address on this machine: a loopback port that leads to the host that holds it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

_CHUNK_BYTES = 64 * 1024


class Forwarder:
    """The port stays the same for as long as the address exists; without a host it refuses.

    An address that moves ends its connections, as on AWS: their mapping goes with it.
    """

    def __init__(self) -> None:
        # Bound and never listening: keeps the port ours while no host answers on it.
        self._held = _bound(0)
        self.port: int = self._held.getsockname()[1]
        self.target = 0
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    async def lead_to(self, target: int) -> None:
        """target: a loopback port; 0 refuses connections."""
        if target != self.target:
            for relay in self._relays:
                relay.cancel()
        self.target = target
        if target and self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=_bound(self.port))
        elif not target and self._server is not None:
            self._server.close()
            self._server = None

    async def close(self) -> None:
        await self.lead_to(0)
        self._held.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(_relay(reader, writer, self.target))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
    """Bytes both ways until one side ends; cancelled, both sides are reset."""
    ends = [writer]
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        ends.append(far_writer)
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, far_writer))
            both.create_task(_copy(far_reader, writer))
    except OSError:  # no host answers there
        return
    finally:
        for end in ends:
            end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes until one side ends; then the other side ends too."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.setblocking(False)
    return made
