"""The gateway under uvicorn on a real port, in this process, with two clients that have a key."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from inference_proxy.app import create_app
from inference_proxy.gateway import Gateway
from inference_proxy.server import Server
from inference_proxy.settings import Settings
from openai import AsyncOpenAI

from gatewaylab.model_server import closed, until

KEY = "sk-lamplighter-test-key"


@dataclass
class Running:
    server: Server
    gateway: Gateway
    client: httpx.AsyncClient
    openai: AsyncOpenAI
    port: int

    async def idle(self) -> None:
        await until(lambda: self.gateway.in_flight == 0)

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

    def post(self, path: str, body: bytes, *headers: str) -> bytes:
        """Return one raw request: a JSON body, the key, and these header lines."""
        lines = [f"POST {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {KEY}"]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
        return "\r\n".join([*lines, "", ""]).encode() + body


Start = Callable[..., Awaitable[Running]]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    app = create_app(settings)
    server = Server(app, host="127.0.0.1", port=0)
    # uvicorn's own start and stop pause for 0.1 s each: test_process.py has them, others no time
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    headers = {"authorization": f"Bearer {KEY}"}
    openai = AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as client, openai:
        yield Running(server, app.state.gateway, client, openai, port)
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    await until(lambda: not server.server_state.connections and not server.server_state.tasks)
    await server.lifespan.shutdown()
