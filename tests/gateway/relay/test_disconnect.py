"""A client that leaves frees the model server, in whichever phase its request is.

The bound is a tenth of a second. What is asserted is the median of several tries, which one hiccup
of a loaded machine cannot spoil; what was measured is printed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import pytest
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer, Script, until
from gatewaylab.running import Running, Start, post
from gatewaylab.speeches import CHAT, GENERATING, WHOLE_ONLY, Speech
from gatewaylab.visiting import written_keys

BOUND_SECONDS = 0.1
TRIES = 5

Leave = Callable[[bytes], Awaitable[float]]


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    return written_keys(tmp_path, concurrency=4, requests_per_minute=100_000)


def before_headers(_: Speech) -> Script:
    async def script(call: Call) -> None:
        await call.silence()

    return script


def silent(speech: Speech) -> Script:
    async def script(call: Call) -> None:
        call.start_stream()
        call.chunk(speech.word)
        await call.silence()

    return script


def flowing(speech: Speech) -> Script:
    async def script(call: Call) -> None:
        call.start_stream()
        while True:
            call.chunk(speech.word)
            await call.writer.drain()
            await asyncio.sleep(0.005)

    return script


def half_read(_: Speech) -> Script:
    async def script(call: Call) -> None:
        call.head(**{"content-length": "100"})
        call.write(b'{"half":')
        await call.silence()

    return script


async def freed_after(gateway: Running, model_server: ModelServer, request: bytes) -> float:
    """Return the seconds from a client's leaving to the model server's hearing of it."""
    before = len(model_server.inference())
    async with gateway.visitor(request):
        call = await model_server.called(before + 1)
        await asyncio.sleep(0.02)
        left_at = time.perf_counter()
    await asyncio.wait_for(call.aborted.wait(), 5)
    await gateway.at_rest()
    return call.aborted_at - left_at


async def measured(what: str, once: Callable[[], Awaitable[float]]) -> float:
    """Return the median of some tries; of twice as many if the machine was busy."""
    took = [await once() for _ in range(TRIES)]
    if median(took) > BOUND_SECONDS:
        took += [await once() for _ in range(TRIES)]
    print(f"{what}: median {median(took) * 1000:.1f} ms, worst {max(took) * 1000:.1f} ms")  # noqa: T201 -- the measurement
    return median(took)


@pytest.mark.parametrize("script", [before_headers, silent, flowing])
@pytest.mark.parametrize("speech", GENERATING, ids=lambda speech: speech.path)
async def test_a_client_that_leaves_a_stream_frees_the_model_server_at_once(
    gateway: Running, model_server: ModelServer, speech: Speech, script: Callable[[Speech], Script]
) -> None:
    model_server.on[speech.path] = script(speech)
    request = post(speech.path, speech.body(stream=True), kind=speech.kind)

    took = await measured(
        f"{speech.path}, stream, {script.__name__}",
        lambda: freed_after(gateway, model_server, request),
    )

    assert took <= BOUND_SECONDS


@pytest.mark.parametrize("script", [before_headers, half_read])
@pytest.mark.parametrize("path", [*WHOLE_ONLY, *(speech.path for speech in GENERATING)])
async def test_a_client_that_leaves_before_its_whole_answer_frees_the_model_server_at_once(
    gateway: Running, model_server: ModelServer, path: str, script: Callable[[Speech], Script]
) -> None:
    speech = next((one for one in GENERATING if one.path == path), Speech(path, b"", b"", b""))
    model_server.on[path] = script(speech)
    request = post(path, speech.body(stream=False), kind=speech.kind)

    took = await measured(
        f"{path}, {script.__name__}", lambda: freed_after(gateway, model_server, request)
    )

    assert took <= BOUND_SECONDS


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", [*WHOLE_ONLY, *(speech.path for speech in GENERATING)])
async def test_a_client_that_leaves_the_queue_never_reaches_the_model_server(
    start: Start, model_server: ModelServer, path: str, *, stream: bool
) -> None:
    gateway = await start(backends=(BackendSettings(model_server.origin, max_in_flight=1),))
    speech = next((one for one in GENERATING if one.path == path), Speech(path, b"", b"", b""))
    model_server.on[CHAT.path] = before_headers(CHAT)
    request = post(path, speech.body(stream=stream), kind=speech.kind)
    queue = gateway.gateway.admission

    async def once() -> float:
        async with gateway.visitor(request):
            await until(lambda: queue.queued == 1)
            left_at = time.perf_counter()
        while queue.queued:  # noqa: ASYNC110 -- what is waited for has no event of its own
            await asyncio.sleep(0.001)
        return time.perf_counter() - left_at

    async with gateway.visitor(post(CHAT.path, CHAT.body(stream=False))):
        await model_server.called()
        took = await measured(f"{path}, queued", once)
    await gateway.at_rest()

    assert took <= BOUND_SECONDS
    assert len(model_server.inference()) == 1


async def test_a_client_that_leaves_in_mid_upload_is_forgotten(
    gateway: Running, model_server: ModelServer
) -> None:
    async with gateway.visitor(post(CHAT.path, b"{}" + b" " * 100)[:-50]):
        await until(lambda: gateway.gateway.state.in_flight == 1)

    await gateway.at_rest()
    assert model_server.inference() == []


async def test_the_next_in_the_queue_takes_the_place_of_a_client_that_leaves(
    start: Start, model_server: ModelServer
) -> None:
    gateway = await start(backends=(BackendSettings(model_server.origin, max_in_flight=1),))
    good = model_server.on[CHAT.path]
    model_server.on[CHAT.path] = silent(CHAT)
    async with gateway.visitor(post(CHAT.path, CHAT.body(stream=True))) as reader:
        await reader.readuntil(b"one")
        model_server.on[CHAT.path] = good
        waiting = asyncio.ensure_future(gateway.chat())
        await until(lambda: gateway.gateway.admission.queued == 1)

    answer = await waiting

    assert answer.status_code == 200
    await gateway.at_rest()
