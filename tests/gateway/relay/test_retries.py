"""When a request is sent a second time: only while nothing can have been done with it."""

import asyncio
from pathlib import Path

import pytest
from gateway.backends import connection
from gateway.relay import delivery, timeouts
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.certificates import certified
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start
from gatewaylab.speeches import CHAT


async def hangs_up(call: Call) -> None:
    call.writer.close()


async def test_a_request_that_was_worked_on_for_a_while_is_not_repeated(
    gateway: Running, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ended the engine once would end it again."""
    monkeypatch.setattr(delivery, "_RACE_SECONDS", 0.1)

    async def crashes(call: Call) -> None:
        await asyncio.sleep(0.3)
        call.writer.transport.abort()

    await gateway.chat()
    model_server.on[CHAT.path] = crashes

    answer = await gateway.chat()

    assert answer.status_code == 502
    assert len(model_server.inference()) == 2


async def test_a_connection_that_was_idle_for_too_long_is_not_used_again(
    gateway: Running, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KEEPALIVE_SECONDS", 0.1)
    await gateway.chat()
    opened = model_server.connections
    await asyncio.sleep(0.2)

    await gateway.chat()

    assert model_server.connections == opened + 1
    assert not gateway.gateway.routing.backends[0].failures


async def test_bytes_that_nobody_asked_for_close_the_connection_they_came_on(
    gateway: Running, model_server: ModelServer
) -> None:
    async def says_more(call: Call) -> None:
        call.reply(b"{}")
        await call.writer.drain()
        await asyncio.sleep(0.02)
        call.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")

    model_server.on["/tokenize"] = says_more
    first = await gateway.client.post("/tokenize", json={})
    await asyncio.sleep(0.1)

    second = await gateway.chat()

    assert (first.status_code, second.status_code) == (200, 200)
    assert "Hello" in second.text


async def test_a_model_server_that_cannot_be_reached_in_time_is_passed_over(
    start: Start, model_server: ModelServer, deaf_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "CONNECT_SECONDS", 0.2)
    origins = (f"http://127.0.0.1:{deaf_port}", model_server.origin)
    gateway = await start(backends=tuple(map(BackendSettings, origins)))

    answers = await asyncio.gather(*(gateway.chat() for _ in range(4)))

    assert {answer.status_code for answer in answers} == {200}
    await gateway.at_rest()


async def test_a_name_that_can_be_none_is_a_503(start: Start) -> None:
    gateway = await start(backends=(BackendSettings(f"http://{'a' * 70}.example:80"),))

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "backend_unavailable")
    await gateway.at_rest()


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_model_server_behind_tls_is_used_if_somebody_vouches_for_it(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool
) -> None:
    context, pem = certified(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with ModelServer(tls=context) as model_server:
        gateway = await start(backends=(BackendSettings(model_server.origin),))

        whole, stream = await gateway.chat(), await gateway.chat(stream=True)

        assert {whole.status_code, stream.status_code} == ({200} if trusted else {503})
        assert stream.text.endswith("data: [DONE]\n\n") == trusted
        assert bool(model_server.inference()) == trusted
        await gateway.at_rest()
