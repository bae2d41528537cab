"""One model server that fails and fails is still asked: its first good answer is the client's."""

import asyncio
import socket
from pathlib import Path

import pytest
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer, Script, chat
from gatewaylab.running import Running, Start
from gatewaylab.speeches import CHAT
from gatewaylab.visiting import written_keys

FAILURES = 20


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """One request at once: a slot that is not given back shuts the next one out."""
    return written_keys(tmp_path, concurrency=1)


def says(status: str) -> Script:
    async def script(call: Call) -> None:
        call.reply(b'{"error":{"message":"no","type":"X","param":null,"code":1}}', status)

    return script


async def hangs_up(call: Call) -> None:
    call.writer.close()


async def resets(call: Call) -> None:
    call.writer.transport.abort()


async def breaks_off(call: Call) -> None:
    call.start_stream()
    call.event("one")
    await call.writer.drain()
    call.writer.transport.abort()


async def ends_early(call: Call) -> None:
    call.start_stream()
    call.event("one")
    call.end_stream(done=False)


async def babbles(call: Call) -> None:
    call.write(b"* OK IMAP4 ready\r\n")
    await call.writer.drain()
    call.writer.close()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("script", "status"),
    [
        (says("500 Internal Server Error"), 500),
        (says("502 Bad Gateway"), 502),
        (says("503 Service Unavailable"), 503),
        (says("429 Too Many Requests"), 429),
        (says("400 Bad Request"), 400),
        (hangs_up, 502),
        (resets, 502),
        (babbles, 502),
    ],
    ids=["500", "502", "503", "429", "400", "hangs up", "resets", "babbles"],
)
async def test_twenty_failures_on_end_do_not_delay_the_good_answer_after_them(
    gateway: Running, model_server: ModelServer, script: Script, status: int, *, stream: bool
) -> None:
    model_server.on[CHAT.path] = script

    answers = [await gateway.chat(stream=stream) for _ in range(FAILURES)]
    await gateway.at_rest()
    model_server.on[CHAT.path] = chat
    good = await gateway.chat(stream=stream)

    assert {answer.status_code for answer in answers} == {status}
    assert len(model_server.inference()) == FAILURES + 1
    assert good.status_code == 200
    await gateway.at_rest()


@pytest.mark.parametrize("script", [breaks_off, ends_early])
async def test_twenty_streams_that_break_off_do_not_delay_the_good_one_after_them(
    gateway: Running, model_server: ModelServer, script: Script
) -> None:
    model_server.on[CHAT.path] = script

    answers = [await gateway.chat(stream=True) for _ in range(FAILURES)]
    await gateway.at_rest()
    model_server.on[CHAT.path] = chat
    good = await gateway.chat(stream=True)

    assert all('"error"' in answer.text for answer in answers)
    assert '"error"' not in good.text
    assert good.text.endswith("data: [DONE]\n\n")


async def test_twenty_timeouts_do_not_delay_the_good_answer_after_them(
    start: Start, model_server: ModelServer
) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    model_server.on[CHAT.path] = silence
    gateway = await start(default_timeout=0.05, max_timeout=0.05)

    answers = [await gateway.chat() for _ in range(FAILURES)]
    await gateway.at_rest()
    model_server.on[CHAT.path] = chat

    assert {answer.status_code for answer in answers} == {504}
    assert (await gateway.chat()).status_code == 200


async def test_a_model_server_that_was_not_there_is_used_as_soon_as_it_is(start: Start) -> None:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    gateway = await start(backends=(BackendSettings(f"http://127.0.0.1:{port}"),))
    refused = [await gateway.chat() for _ in range(FAILURES)]

    async with ModelServer(port) as model_server:
        good = await gateway.chat()

        assert good.status_code == 200
        assert len(model_server.inference()) == 1
        await gateway.client.aclose()
        await asyncio.sleep(0)
    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    await gateway.at_rest()
