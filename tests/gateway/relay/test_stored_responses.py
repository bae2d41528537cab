"""Responses that an engine keeps: by their id they go to the engine that has them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from gateway.access.keys_file import new_entry
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import KEY, Running, Start, get
from gatewaylab.speeches import RESPONSES, event

BOB = f"sk-bob-{'8' * 43}"


def keeping(server: ModelServer, response_id: str) -> None:
    body = json.dumps({"id": response_id, "object": "response", "status": "completed"}).encode()

    async def create(call: Call) -> None:
        if b'"stream": true' in call.body or b'"stream":true' in call.body:
            call.start_stream()
            call.chunk(event("response.created", response={"id": response_id}))
            call.chunk(event("response.completed", response={"status": "completed"}))
            call.end_stream(done=False)
        else:
            call.reply(body)

    async def found(call: Call) -> None:
        call.reply(body)

    server.on[RESPONSES.path] = create
    for path in ("", "/cancel", "?starting_after=2"):
        server.on[f"{RESPONSES.path}/{response_id}{path}"] = found


@pytest.fixture
async def two(
    start: Start, model_server: ModelServer, tmp_path: Path
) -> AsyncIterator[tuple[Running, ModelServer]]:
    keys = tmp_path / "two.json"
    entries = [new_entry("alice", KEY), new_entry("bob", BOB)]
    keys.write_text(json.dumps({"keys": entries}))
    async with ModelServer() as other:
        keeping(model_server, "resp_one")
        keeping(other, "resp_two")
        origins = (model_server.origin, other.origin)
        backends = tuple(map(BackendSettings, origins))
        gateway = await start(backends=backends, balancing="round_robin", keys_file=keys)
        yield gateway, other


async def created(gateway: Running, **fields: object) -> httpx.Response:
    return await gateway.client.post(RESPONSES.path, json={"model": "tiny", "input": "x"} | fields)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_response_is_found_where_it_was_made(
    two: tuple[Running, ModelServer], model_server: ModelServer, *, stream: bool
) -> None:
    gateway, other = two
    for _ in range(4):
        await created(gateway, stream=stream)

    for server, kept in ((model_server, "resp_one"), (other, "resp_two")):
        before = len(server.calls)
        for path in (kept, f"{kept}?starting_after=2"):
            answer = await gateway.client.get(f"{RESPONSES.path}/{path}")
            assert (answer.status_code, answer.json()["id"]) == (200, kept)
        cancelled = await gateway.client.post(f"{RESPONSES.path}/{kept}/cancel")
        assert cancelled.status_code == 200
        asked = [call.path for call in server.calls[before:] if kept in call.path]
        assert asked == [
            f"{RESPONSES.path}/{kept}",
            f"{RESPONSES.path}/{kept}?starting_after=2",
            f"{RESPONSES.path}/{kept}/cancel",
        ]


async def test_what_follows_a_response_goes_to_its_engine(
    two: tuple[Running, ModelServer], model_server: ModelServer
) -> None:
    gateway, other = two
    for _ in range(2):
        await created(gateway)
    before = len(other.inference()), len(model_server.inference())

    for _ in range(4):
        await created(gateway, previous_response_id="resp_two")

    assert (len(other.inference()), len(model_server.inference())) == (before[0] + 4, before[1])


async def test_a_response_belongs_to_its_key(two: tuple[Running, ModelServer]) -> None:
    gateway, _ = two
    for _ in range(2):
        await created(gateway)
    gateway.client.headers["authorization"] = f"Bearer {BOB}"

    read = await gateway.client.get(f"{RESPONSES.path}/resp_one")
    followed = await created(gateway, previous_response_id="resp_one")

    assert {read.status_code, followed.status_code} == {404}


@pytest.mark.parametrize("odd", ["..", "resp%2Fone", "resp_one/../..", "resp_one/sleep", "a" * 300])
async def test_an_odd_id_reaches_no_engine(
    gateway: Running, model_server: ModelServer, odd: str
) -> None:
    answer = await gateway.raw(get(f"{RESPONSES.path}/{odd}"))

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert model_server.inference() == []
