"""The gateway under uvicorn on a real port, in this process, with two clients that have a key."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
from gateway.gateway import Gateway
from gateway.http.client_connection import Protocol
from gateway.http.server import Server
from gateway.settings.gateway_settings import Settings
from openai import AsyncOpenAI

from gatewaylab.model_server import closed, until

KEY = f"sk-alice-{'7' * 43}"


def get(path: str, *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    """Return one raw request with the key and these header lines."""
    lines = [f"{method} {path} HTTP/{version}", "Host: gateway", f"Authorization: Bearer {KEY}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def post(
    path: str, body: bytes, *headers: str, version: str = "1.1", kind: str = "application/json"
) -> bytes:
    """Return the same with a body."""
    lines = [f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return get(path, *lines, version=version, method="POST") + body


@dataclass
class Running:
    server: Server
    gateway: Gateway
    client: httpx.AsyncClient
    openai: AsyncOpenAI
    port: int

    async def idle(self) -> None:
        await until(lambda: self.gateway.state.in_flight == 0)

    async def chat(self, **fields: object) -> httpx.Response:
        body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]} | fields
        return await self.client.post("/v1/chat/completions", json=body)

    async def raw(self, data: bytes) -> bytes:
        """Send these bytes as they are; return all that comes until the gateway is silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        with suppress(TimeoutError, ConnectionError):
            writer.write(data)
            await writer.drain()
            while more := await asyncio.wait_for(reader.read(65536), 0.1 if answer else 2.0):
                answer += more
        await closed(writer)
        return answer

    def connections(self) -> list[Protocol]:
        """Return the gateway's side of its clients' connections."""
        return [cast("Protocol", one) for one in self.server.server_state.connections]

    async def at_rest(self) -> None:
        """Wait until nothing is held for anybody: no request, no place, no slot, no limit."""
        await until(lambda: self.held() == [0, 0, 0, 0])

    def held(self) -> list[int]:
        """Return how many are in flight, with backends, queued, and counted against a key."""
        backends = self.gateway.routing.backends
        accounts = self.gateway.services.limiter._accounts.values()
        return [
            self.gateway.state.in_flight,
            sum(backend.outstanding for backend in backends),
            self.gateway.admission.queued,
            sum(account.at_work for account in accounts),
        ]

    @asynccontextmanager
    async def visitor(self, *requests: bytes) -> AsyncIterator[asyncio.StreamReader]:
        """Send these; when the block ends the client is gone, without a word."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"".join(requests))
        try:
            yield reader
        finally:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()


Start = Callable[..., Awaitable[Running]]


@asynccontextmanager
async def running(settings: Settings, config: Path | None = None) -> AsyncIterator[Running]:
    gateway = Gateway(settings, config)
    server = gateway.server(host="127.0.0.1", port=0)
    # uvicorn's own start and stop pause for 0.1 s each: test_process.py has them, others no time
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    headers = {"authorization": f"Bearer {KEY}"}
    openai = AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as client, openai:
        yield Running(server, gateway, client, openai, port)
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    await until(lambda: not server.server_state.connections and not server.server_state.tasks)
    await server.lifespan.shutdown()
