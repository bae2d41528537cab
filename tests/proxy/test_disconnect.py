"""A client that leaves frees the model server, in whichever phase its request is."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from gatewaylab.model_server import Call, ModelServer, Script
from gatewaylab.running import Running

CHAT = "/v1/chat/completions"
BOUND_SECONDS = 2.0  # generous for a loaded machine; the time taken is printed


async def before_headers(call: Call) -> None:
    await call.silence()


async def silent_in_mid_stream(call: Call) -> None:
    call.start_stream()
    call.event("one")
    await call.silence()


async def flowing(call: Call) -> None:
    call.start_stream()
    while True:
        call.event("more")
        await call.writer.drain()
        await asyncio.sleep(0.01)


async def half_an_answer(call: Call) -> None:
    call.head(**{"content-length": "100"})
    call.write(b'{"half":')
    await call.silence()


@asynccontextmanager
async def client(gateway: Running, path: str, body: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A client that is gone, without a word, when the block ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(gateway.post(path, body))
    yield reader
    await leave(writer)


async def leave(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("script", "path", "body", "heard"),
    [
        pytest.param(before_headers, CHAT, b'{"stream":false}', b"", id="whole answer awaited"),
        pytest.param(before_headers, CHAT, b'{"stream":true}', b"", id="stream awaited"),
        pytest.param(before_headers, "/v1/completions", b"{}", b"", id="completion awaited"),
        pytest.param(before_headers, "/v1/embeddings", b"{}", b"", id="embedding awaited"),
        pytest.param(half_an_answer, CHAT, b"{}", b"", id="whole answer half read"),
        pytest.param(silent_in_mid_stream, CHAT, b'{"stream":true}', b"one", id="stream silent"),
        pytest.param(flowing, CHAT, b'{"stream":true}', b"more", id="stream flowing"),
    ],
)
async def test_a_client_that_leaves_frees_the_model_server(
    gateway: Running,
    model_server: ModelServer,
    script: Script,
    path: str,
    body: bytes,
    heard: bytes,
) -> None:
    model_server.on[path] = script

    async with client(gateway, path, body) as reader:
        call = await model_server.called()
        await asyncio.sleep(0.05)
        if heard:
            await reader.readuntil(heard)
        left_at = time.perf_counter()
    await asyncio.wait_for(call.aborted.wait(), BOUND_SECONDS)

    print(f"aborted after {(call.aborted_at - left_at) * 1000:.1f} ms")  # noqa: T201 -- the measurement
    await gateway.idle()
    assert gateway.gateway.upstream.backends[0].outstanding == 0


async def test_a_client_that_leaves_in_mid_upload_is_forgotten(
    gateway: Running, model_server: ModelServer
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(gateway.post(CHAT, b"{}" + b" " * 100)[:-50])
    await writer.drain()
    await asyncio.sleep(0.05)
    assert gateway.gateway.in_flight == 1

    await leave(writer)

    await gateway.idle()
    assert model_server.inference() == []


async def test_the_gauge_is_back_at_zero_after_every_kind_of_end(
    gateway: Running, model_server: ModelServer
) -> None:
    async def cut(call: Call) -> None:
        call.start_stream()
        call.event("one")
        call.writer.transport.abort()

    good = model_server.on[CHAT]
    model_server.on["/v1/completions"] = cut
    assert good is not cut

    await asyncio.gather(
        *(gateway.chat(stream=stream) for stream in (True, False, True)),
        *(gateway.client.post("/v1/completions", json={"stream": True}) for _ in range(5)),
        gateway.client.post(CHAT, content=b"{", headers={"content-type": "application/json"}),
        gateway.client.get("/nowhere"),
    )

    ready = await gateway.client.get("/health/ready")
    assert ready.json() == {"status": "ready", "in_flight": 0}
    assert gateway.gateway.upstream.backends[0].outstanding == 0
