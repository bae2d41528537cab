"""What reaches the engine of a request's own: salts, keys of other headers, renamed forms."""

import asyncio
import re

import pytest
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import KEY, Running, Start
from gatewaylab.speeches import BOUNDARY, CHAT, FORM, TRANSCRIPTIONS


async def fine(call: Call) -> None:
    call.reply(b"{}")


@pytest.mark.parametrize("size", [0, 40_000])
async def test_each_key_has_a_salt_of_its_own_in_the_engines_cache(
    start: Start, model_server: ModelServer, size: int
) -> None:
    model_server.on[CHAT.path] = model_server.on["/v1/embeddings"] = fine
    gateway = await start(cache_salt=True)

    for _ in range(2):
        await gateway.chat(x="x" * size)
    await gateway.chat(cache_salt="mine")
    await gateway.client.post("/v1/embeddings", json={"input": "x"})

    bodies = [call.body for call in model_server.inference()]
    salts = [re.findall(rb'"cache_salt": ?"([^"]*)"', body) for body in bodies]
    assert salts[0] == salts[1] != []
    assert re.fullmatch(rb"[0-9a-f]{32}", salts[0][0])
    assert salts[2:] == [[b"mine"], []]


async def test_no_salt_is_sent_unless_the_operator_wants_it(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on[CHAT.path] = fine

    await gateway.chat()

    assert b"cache_salt" not in model_server.inference()[0].body


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer", "x-api-key": KEY},
        {"authorization": "Bearer", "api-key": KEY},
        {"authorization": "", "api-key": KEY},
        {"authorization": "Basic eA==", "x-api-key": KEY},
    ],
)
async def test_an_empty_bearer_hides_no_other_key(
    gateway: Running, model_server: ModelServer, headers: dict[str, str]
) -> None:
    model_server.on[CHAT.path] = fine
    gateway.client.headers.update(headers)

    assert (await gateway.chat()).status_code == 200
    assert KEY not in str(model_server.inference()[0].headers)


@pytest.mark.parametrize("size", [10, 100_000])
async def test_a_renamed_part_loses_the_length_that_it_had(
    start: Start, model_server: ModelServer, size: int
) -> None:
    model_server.on[TRANSCRIPTIONS.path] = fine
    gateway = await start(aliases={"a": "tiny"})
    part = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    form = (
        f'{part}"model"\r\nContent-Length: 1\r\n\r\na\r\n'
        f'{part}"file"; filename="a.wav"\r\nContent-Length: {size}\r\n\r\n{"x" * size}\r\n'
        f"--{BOUNDARY}--\r\n"
    )

    answer = await gateway.client.post(
        TRANSCRIPTIONS.path, content=form, headers={"content-type": FORM}
    )

    assert answer.status_code == 200
    expected = form.replace("Content-Length: 1\r\n\r\na\r\n", "\r\ntiny\r\n", 1)
    assert model_server.inference()[0].body.decode() == expected


async def test_a_stream_is_kept_alive_if_the_operator_wants_it(
    start: Start, model_server: ModelServer
) -> None:
    async def slow(call: Call) -> None:
        await call.writer.drain()
        await asyncio.sleep(0.5)
        await CHAT.speak(call)

    model_server.on[CHAT.path] = slow
    gateway = await start(heartbeats=True, keepalive_seconds=0.1)

    answer = await gateway.chat(stream=True)

    assert answer.text.count(": ping") >= 2
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/collective_rpc", "runs code"),
        ("/v1/realtime", "WebSockets"),
        ("/v1/chat/completions/render", "share"),
        ("/v1/responses/render", "share"),
        ("/adapters", "loads"),
    ],
)
async def test_a_route_of_the_engine_is_refused_with_a_reason(
    gateway: Running, model_server: ModelServer, path: str, why: str
) -> None:
    answer = await gateway.client.post(path, json={})

    assert answer.status_code == 404
    assert why in answer.json()["error"]["message"]
    assert model_server.inference() == []
