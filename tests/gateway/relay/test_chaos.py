"""Many clients and a model server that do everything at the wrong moment: nothing is left over."""

import asyncio
import logging
import random
from pathlib import Path

import pytest
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer, chat
from gatewaylab.running import Running, Start, post
from gatewaylab.speeches import CHAT
from gatewaylab.visiting import written_keys

CLIENTS = 300


async def anything(call: Call) -> None:
    """Do one of the things that model servers do, well or not, at a random pace."""
    dice = random.Random(call.headers["x-request-id"])  # noqa: S311 -- to be repeated
    await asyncio.sleep(dice.random() * 0.02)
    match dice.randrange(8):
        case 0:
            call.writer.transport.abort()
        case 1:
            call.writer.close()
        case 2:
            call.reply(b"{}", dice.choice(["500 Bad", "503 Busy", "429 Many", "404 None"]))
        case 3:
            call.write(b"garbage\r\n\r\n")
        case 4:
            await call.silence()
        case _:
            await flow(call, dice)


async def flow(call: Call, dice: random.Random) -> None:
    call.start_stream()
    for _ in range(dice.randrange(20)):
        call.chunk(CHAT.word[: dice.choice([10, 1000])])
        await call.writer.drain()
        await asyncio.sleep(dice.random() * 0.005)
    match dice.randrange(4):
        case 0:
            call.writer.transport.abort()
        case 1:
            call.write(b"zz\r\n")
        case 2:
            call.write(b"0\r\n\r\n")
        case _:
            call.chunk(CHAT.end)
            call.write(b"0\r\n\r\n")


async def visit(gateway: Running, seed: float) -> None:
    """Come with one to three requests, read for a while, leave."""
    dice = random.Random(seed)  # noqa: S311 -- to be repeated
    await asyncio.sleep(dice.random())
    alive = f"x-stream-keepalive: {dice.choice(['0.1', '0.2'])}"
    requests = [
        post(
            CHAT.path,
            CHAT.body(stream=dice.random() < 0.7),
            f"x-request-id: {dice.random()}",
            alive,
        )
        for _ in range(dice.randrange(1, 4))
    ]
    sent = b"".join(requests)
    async with gateway.visitor(sent[: dice.choice([len(sent), len(sent) - 5])]) as reader:
        try:
            async with asyncio.timeout(dice.choice([0.001, 0.02, 0.3, 1])):
                await reader.read(-1)
        except (TimeoutError, ConnectionError):
            pass


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_left_over(
    start: Start,
    model_server: ModelServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    seed: int,
) -> None:
    async with ModelServer() as other:
        model_server.on[CHAT.path] = other.on[CHAT.path] = anything
        gone = "http://127.0.0.1:9"
        gateway = await start(
            keys_file=written_keys(tmp_path, concurrency=100),
            backends=tuple(
                BackendSettings(url, max_in_flight=8, models=("tiny",))
                for url in (model_server.origin, other.origin, gone)
            ),
            queue_length=20,
            queue_seconds=0.5,
            default_timeout=0.3,
            max_timeout=1,
        )
        dice = random.Random(seed)  # noqa: S311 -- to be repeated

        seeds = [dice.random() for _ in range(CLIENTS)]

        await asyncio.gather(*(visit(gateway, one) for one in seeds))

        await gateway.at_rest()
        assert not gateway.gateway.services.deliveries
        assert not [one for one in caplog.records if one.levelno >= logging.ERROR]
        model_server.on[CHAT.path] = other.on[CHAT.path] = chat
        assert (await gateway.chat()).status_code == 200
