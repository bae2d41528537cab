"""Compressed request bodies: within the limits of plain ones, whatever they claim to hold."""

import gzip
import json
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
import zstandard
from gateway.core.errors import BodyTooLarge
from gateway.request.compression import FREE_BYTES, Decompressor
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start
from gatewaylab.speeches import CHAT

MiB = 1024 * 1024
JSON = {"content-type": "application/json"}


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd,
}


def to_the_end(plain: Decompressor) -> None:
    while plain.step():
        pass


@pytest.mark.parametrize("size", [10, 3 * MiB])
@pytest.mark.parametrize("coding", CODINGS)
async def test_the_engine_gets_a_compressed_body_as_it_was(
    gateway: Running, model_server: ModelServer, coding: str, size: int
) -> None:
    async def answer(call: Call) -> None:
        call.reply(b"{}")

    model_server.on[CHAT.path] = answer
    words = " ".join(map(str, range(size // 6)))
    body = json.dumps({"model": "tiny", "messages": [{"content": words}]}).encode()

    got = await gateway.client.post(
        CHAT.path, content=CODINGS[coding](body), headers=JSON | {"content-encoding": coding}
    )

    assert got.status_code == 200, got.text
    call = model_server.inference()[0]
    assert call.body == body
    assert "content-encoding" not in call.headers
    await gateway.at_rest()
    assert gateway.gateway.services.body_memory.size == 0


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_is_given_up_after_few_bytes(coding: str) -> None:
    bomb = CODINGS[coding](b" " * (64 * MiB))
    held: list[int] = []
    plain = Decompressor(coding.encode(), bomb, 50 * MiB, held.append)

    with pytest.raises(BodyTooLarge, match="The compressed body holds"):
        to_the_end(plain)

    assert max(held, default=0) <= FREE_BYTES + 100 * len(bomb)


@pytest.mark.parametrize("coding", CODINGS)
def test_no_step_makes_much_more_than_a_piece(coding: str) -> None:
    packed = CODINGS[coding](b"".join(b"%d " % (n * n) for n in range(800_000)))
    held: list[int] = [0]
    plain = Decompressor(coding.encode(), packed, 50 * MiB, held.append)
    steps = [0]
    while plain.step():
        steps.append(held[-1])

    assert 0 < max(b - a for a, b in pairwise(steps)) <= MiB


async def test_what_comes_out_counts_for_the_memory_of_bodies(
    start: Start, model_server: ModelServer
) -> None:
    gateway = await start(max_body=2 * MiB, max_bodies=2 * MiB, max_key_bodies=2 * MiB)
    body = gzip.compress(b'{"model":"tiny","x":"' + b"abcdefgh" * (3 * MiB // 8) + b'"}')

    answer = await gateway.client.post(
        CHAT.path, content=body, headers=JSON | {"content-encoding": "gzip"}
    )

    assert answer.status_code == 413
    assert model_server.inference() == []
    assert gateway.gateway.services.body_memory.size == 0
