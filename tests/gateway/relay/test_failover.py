"""Another backend after an error that came before any byte of an answer, and never later."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gateway.relay import delivery
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer, Script, sse
from gatewaylab.running import Running, Start
from gatewaylab.speeches import CHAT, RESPONSES
from ports import free_port


def answering(status: str) -> Script:
    async def script(call: Call) -> None:
        call.reply(b'{"error":{"message":"no"}}', status)

    return script


async def hangs_up(call: Call) -> None:
    call.writer.close()


async def resets(call: Call) -> None:
    call.writer.transport.abort()


async def serves(call: Call) -> None:
    if b'"stream": true' in call.body or b'"stream":true' in call.body:
        await CHAT.speak(call)
    else:
        call.reply(b'{"choices":[]}')


FAILURES: dict[str, Script] = {
    "429": answering("429 Too Many Requests"),
    "500": answering("500 Internal Server Error"),
    "502": answering("502 Bad Gateway"),
    "503": answering("503 Service Unavailable"),
    "504": answering("504 Gateway Timeout"),
    "an end without an answer": hangs_up,
    "a reset": resets,
}


@pytest.fixture
async def other() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        server.on[CHAT.path] = serves
        yield server


@pytest.fixture
async def two(start: Start, model_server: ModelServer, other: ModelServer) -> Running:
    origins = (model_server.origin, other.origin)
    return await start(backends=tuple(map(BackendSettings, origins)), balancing="round_robin")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", FAILURES)
async def test_a_client_sees_no_error_that_another_backend_can_avoid(
    two: Running, model_server: ModelServer, other: ModelServer, name: str, *, stream: bool
) -> None:
    model_server.on[CHAT.path] = FAILURES[name]

    statuses = [(await two.chat(stream=stream)).status_code for _ in range(6)]

    assert statuses == [200] * 6
    assert model_server.inference()
    assert len(other.inference()) == 6
    await two.at_rest()


async def test_a_backend_that_refuses_connections_costs_no_client_an_error(
    start: Start, other: ModelServer
) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    gateway = await start(backends=tuple(map(BackendSettings, (gone, other.origin))))

    assert [(await gateway.chat()).status_code for _ in range(4)] == [200] * 4


async def test_the_reason_is_in_the_metrics(two: Running, model_server: ModelServer) -> None:
    model_server.on[CHAT.path] = FAILURES["503"]

    for _ in range(2):
        await two.chat()

    counts = two.gateway.recorder.metrics.failovers
    assert {labels[1] for labels in counts} == {"503"}


async def test_no_more_backends_are_asked_than_the_settings_allow(
    start: Start, model_server: ModelServer, other: ModelServer
) -> None:
    async with ModelServer() as third:
        servers = (model_server, other, third)
        for server in servers:
            server.on[CHAT.path] = FAILURES["500"]
        origins = tuple(BackendSettings(one.origin) for one in servers)

        for most, asked in ((1, 2), (2, 3), (0, 1)):
            gateway = await start(backends=origins, failovers=most)
            before = sum(len(server.inference()) for server in servers)
            answer = await gateway.chat()

            assert answer.status_code == 500
            assert sum(len(server.inference()) for server in servers) - before == asked


def errors_of_the_client() -> list[str]:
    return ["400 Bad Request", "404 Not Found", "422 Unprocessable Entity", "501 Not Implemented"]


@pytest.mark.parametrize("status", errors_of_the_client())
async def test_an_error_that_is_the_requests_own_is_not_tried_elsewhere(
    two: Running, model_server: ModelServer, other: ModelServer, status: str
) -> None:
    model_server.on[CHAT.path] = other.on[CHAT.path] = answering(status)

    answer = await two.chat()

    assert answer.status_code == int(status[:3])
    assert len(model_server.inference()) + len(other.inference()) == 1


@pytest.mark.parametrize(
    "field", [{"store": True}, {"background": True}, {"previous_response_id": "resp_1"}]
)
async def test_what_a_backend_keeps_is_never_asked_of_another(
    two: Running, model_server: ModelServer, other: ModelServer, field: dict[str, object]
) -> None:
    model_server.on[RESPONSES.path] = other.on[RESPONSES.path] = FAILURES["503"]

    answer = await two.client.post(RESPONSES.path, json={"model": "tiny", "input": "x"} | field)

    assert answer.status_code == 503
    assert len(model_server.inference()) + len(other.inference()) == 1


async def stalls(call: Call) -> None:
    await call.silence()


async def sends_nonsense(call: Call) -> None:
    call.write(b"no chunk\r\n")


async def ends_the_stream(call: Call) -> None:
    call.end_stream(done=False)


async def says_it_was_stopped(call: Call) -> None:
    call.event("", "abort")
    call.end_stream()


async def cuts_an_event(call: Call) -> None:
    call.chunk(sse("two")[:20])
    call.writer.close()


async def reports_an_error(call: Call) -> None:
    call.chunk(b'data: {"error":{"message":"EngineCore encountered an issue","code":500}}\n\n')
    call.end_stream()


BREAKS: dict[str, Script] = {
    "an end of the connection": hangs_up, "a reset": resets, "a stall": stalls,
    "bytes that are no HTTP": sends_nonsense, "an end without a reason": ends_the_stream,
    "a stopped engine": says_it_was_stopped, "an event that is cut": cuts_an_event,
    "an error of its own": reports_an_error,
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
async def test_after_the_first_byte_the_client_is_told_and_nothing_is_repeated(
    start: Start, model_server: ModelServer, other: ModelServer, name: str
) -> None:
    async def breaks(call: Call) -> None:
        call.start_stream()
        call.chunk(sse("one"))
        await call.writer.drain()
        await asyncio.sleep(0.02)
        await BREAKS[name](call)

    model_server.on[CHAT.path] = other.on[CHAT.path] = breaks
    origins = (model_server.origin, other.origin)
    gateway = await start(backends=tuple(map(BackendSettings, origins)), default_timeout=0.5)

    answer = await gateway.chat(stream=True)

    events = [line for line in answer.text.split("\n\n") if line]
    assert (answer.status_code, '"one"' in events[0]) == (200, True)
    assert '"error":{"message":' in events[-2]
    assert events[-1] == "data: [DONE]"
    assert len(model_server.inference()) + len(other.inference()) == 1
    await gateway.at_rest()


async def test_a_request_that_ended_its_engine_does_not_end_the_next_one(
    two: Running, model_server: ModelServer, other: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_RACE_SECONDS", 0.05)

    async def crashes(call: Call) -> None:
        await asyncio.sleep(0.2)
        call.writer.transport.abort()

    model_server.on[CHAT.path] = other.on[CHAT.path] = crashes

    answer = await two.chat()

    assert answer.status_code == 502
    assert len(model_server.inference()) + len(other.inference()) == 1


async def test_a_request_waits_for_a_backend_to_come_up_if_the_operator_wants_it(
    start: Start,
) -> None:
    port = free_port()
    gateway = await start(
        backends=(BackendSettings(f"http://127.0.0.1:{port}"),), backend_wait_seconds=20.0
    )
    asked = [asyncio.ensure_future(gateway.chat()) for _ in range(3)]
    await asyncio.sleep(0.5)
    assert not any(one.done() for one in asked)

    async with ModelServer(port=port) as server:
        server.on[CHAT.path] = serves
        answers = await asyncio.wait_for(asyncio.gather(*asked), 10)

    assert [one.status_code for one in answers] == [200] * 3
    await gateway.at_rest()


async def test_a_wait_for_a_backend_is_bounded(start: Start, tmp_path: Path) -> None:
    gone = BackendSettings(f"http://127.0.0.1:{free_port()}")
    gateway = await start(backends=(gone,), backend_wait_seconds=0.2, queue_length=1)

    first, second = await asyncio.gather(gateway.chat(), gateway.chat())

    assert {first.status_code, second.status_code} == {503}
    assert {"retry-after", "x-lamplighter-eta-seconds"} <= set(first.headers)
    await gateway.at_rest()
