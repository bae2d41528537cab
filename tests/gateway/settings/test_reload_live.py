"""The configuration and the keys change while streams run: none of them notices."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gateway.access.keys_file import new_entry
from gateway.settings.gateway_settings import Settings
from gatewaylab.model_server import Call, ModelServer, until
from gatewaylab.running import KEY, Running, post, running
from gatewaylab.speeches import CHAT
from gatewaylab.visiting import written_keys


@dataclass
class Lab:
    path: Path
    keys: Path
    gateway: Running

    def change(self, **document: Any) -> None:
        """Move a new document into place."""
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"keys_file": str(self.keys)} | document))
        beside.replace(self.path)
        self.gateway.gateway.reload.follow()

    def rekey(self, *entries: dict[str, Any]) -> None:
        beside = self.keys.with_suffix(".new")
        beside.write_text(json.dumps({"keys": entries}))
        beside.replace(self.keys)
        self.gateway.gateway.keys.follow()


def at(*servers: ModelServer, **more: Any) -> dict[str, Any]:
    return {"backends": [{"url": server.origin, **more} for server in servers]}


@pytest.fixture
async def lab(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[Lab]:
    path, keys = tmp_path / "gateway.json", written_keys(tmp_path, concurrency=4)
    path.write_text(json.dumps({"keys_file": str(keys)} | at(model_server)))
    async with AsyncExitStack() as stack:
        settings = Settings.load(path, {})
        yield Lab(path, keys, await stack.enter_async_context(running(settings, path)))


@dataclass
class Streaming:
    """A stream that stands still in the middle until it is told to `go_on`."""

    reader: asyncio.StreamReader
    go: asyncio.Event

    async def go_on(self) -> bytes:
        self.go.set()
        return await asyncio.wait_for(self.reader.read(-1), 3)


@asynccontextmanager
async def streaming(lab: Lab, model_server: ModelServer) -> AsyncIterator[Streaming]:
    go = asyncio.Event()
    before = model_server.on[CHAT.path]

    async def halting(call: Call) -> None:
        call.start_stream()
        call.chunk(CHAT.word)
        await go.wait()
        call.chunk(CHAT.end)
        call.write(b"0\r\n\r\n")

    model_server.on[CHAT.path] = halting
    request = post(CHAT.path, CHAT.body(stream=True), "Connection: close")
    async with lab.gateway.visitor(request) as reader:
        await reader.readuntil(b"one")
        model_server.on[CHAT.path] = before
        yield Streaming(reader, go)


def well(rest: bytes) -> bool:
    return rest.count(b"[DONE]") == 1 and b'"error"' not in rest


async def test_a_backend_that_is_taken_away_ends_its_streams_and_gets_nothing_new(
    lab: Lab, model_server: ModelServer
) -> None:
    async with ModelServer() as other, streaming(lab, model_server) as stream:
        lab.change(**at(other))
        answers = [await lab.gateway.chat() for _ in range(5)]

        assert {answer.status_code for answer in answers} == {200}
        assert (len(model_server.inference()), len(other.inference())) == (1, 5)
        assert well(await stream.go_on())
        await lab.gateway.at_rest()
        (old,) = [call.writer for call in model_server.inference()]
        await until(old.is_closing)


async def test_a_backend_that_is_added_gets_requests_once_its_models_are_known(
    lab: Lab, model_server: ModelServer
) -> None:
    async with ModelServer() as other, streaming(lab, model_server) as stream:
        lab.change(**at(model_server, other))
        backends = lab.gateway.gateway.routing.backends
        await until(lambda: all(backend.knows_models for backend in backends))
        answers = [await lab.gateway.chat() for _ in range(4)]

        assert {answer.status_code for answer in answers} == {200}
        assert other.inference()
        assert well(await stream.go_on())
        await lab.gateway.at_rest()


async def test_an_alias_changes_under_a_running_stream(lab: Lab, model_server: ModelServer) -> None:
    async with streaming(lab, model_server) as stream:
        unknown = await lab.gateway.chat(model="public")
        lab.change(**at(model_server), aliases={"public": "tiny"})
        known = await lab.gateway.chat(model="public")
        lab.change(**at(model_server), aliases={"public": "org/large"})
        await lab.gateway.chat(model="public")

        assert (unknown.status_code, known.status_code) == (404, 200)
        sent = [json.loads(call.body)["model"] for call in model_server.inference()]
        assert sent == ["tiny", "tiny", "org/large"]
        assert well(await stream.go_on())


async def test_who_waits_for_a_place_is_let_in_when_a_reload_makes_room(
    lab: Lab, model_server: ModelServer
) -> None:
    lab.change(**at(model_server, max_in_flight=1))
    async with streaming(lab, model_server) as stream:
        waiting = asyncio.ensure_future(lab.gateway.chat())
        await until(lambda: lab.gateway.gateway.admission.queued == 1)

        lab.change(**at(model_server, max_in_flight=2))

        assert (await waiting).status_code == 200
        assert well(await stream.go_on())
        await lab.gateway.at_rest()


async def test_who_waits_goes_to_a_backend_that_a_reload_adds(
    lab: Lab, model_server: ModelServer
) -> None:
    lab.change(**at(model_server, max_in_flight=1))
    async with ModelServer() as other, streaming(lab, model_server) as stream:
        waiting = asyncio.ensure_future(lab.gateway.chat())
        await until(lambda: lab.gateway.gateway.admission.queued == 1)

        lab.change(**at(model_server, other, max_in_flight=1))

        assert (await waiting).status_code == 200
        assert len(other.inference()) == 1
        assert well(await stream.go_on())


async def test_a_fallback_comes_and_goes_under_running_requests(
    lab: Lab, model_server: ModelServer
) -> None:
    own = at(model_server)["backends"][0]
    lab.change(backends=[own | {"max_in_flight": 1}])
    async with ModelServer() as other, streaming(lab, model_server) as stream:
        waiting = asyncio.ensure_future(lab.gateway.chat())
        await until(lambda: lab.gateway.gateway.admission.queued == 1)
        fallback = {"url": other.origin, "fallback": True, "models": ["tiny"]}
        lab.change(backends=[own, fallback | {"names": {"tiny": "theirs"}}])
        assert "x-lamplighter-fallback" not in (await waiting).headers

        lab.gateway.gateway.routing.backends[0].found("loading")
        first = await lab.gateway.chat()
        lab.change(backends=[own, fallback | {"names": {"tiny": "another"}}])
        second = await lab.gateway.chat()
        lab.change(backends=[own])
        third = await lab.gateway.chat()

        assert [one.status_code for one in (first, second, third)] == [200, 200, 503]
        sent = [json.loads(call.body)["model"] for call in other.inference()]
        assert sent == ["theirs", "another"]
        assert well(await stream.go_on())
        await lab.gateway.at_rest()


async def test_limits_of_the_body_change_with_the_next_request(
    lab: Lab, model_server: ModelServer
) -> None:
    async with streaming(lab, model_server) as stream:
        lab.change(**at(model_server), max_body=50, max_n=1)

        assert (await lab.gateway.chat(x="y" * 100)).status_code == 413
        assert well(await stream.go_on())


async def test_a_document_with_a_mistake_changes_nothing(
    lab: Lab, model_server: ModelServer
) -> None:
    async with streaming(lab, model_server) as stream:
        lab.change(backends=[{"url": "nonsense"}])

        assert (await lab.gateway.chat()).status_code == 200
        assert await refused(lab)
        assert well(await stream.go_on())
    lab.change(**at(model_server))
    assert not await refused(lab)


async def refused(lab: Lab) -> bool:
    """Return whether its metrics say that the document is not in force."""
    page = (await lab.gateway.client.get("/metrics")).text
    return "\ninference_gateway_settings_refused 1.0\n" in page


async def test_a_key_that_is_revoked_ends_no_stream_and_starts_none(
    lab: Lab, model_server: ModelServer
) -> None:
    async with streaming(lab, model_server) as stream:
        lab.rekey(new_entry("bob", f"sk-bob-{'8' * 43}"))
        refused = await lab.gateway.chat()

        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert well(await stream.go_on())
        await lab.gateway.at_rest()


async def test_a_limit_that_is_lowered_counts_the_streams_that_run(
    lab: Lab, model_server: ModelServer
) -> None:
    async with streaming(lab, model_server) as stream:
        lab.rekey(new_entry("alice", KEY, concurrency=1))
        refused = await lab.gateway.chat()
        assert well(await stream.go_on())
        await lab.gateway.at_rest()

        assert refused.status_code == 429
        assert (await lab.gateway.chat()).status_code == 200


async def test_limits_of_all_keys_change_with_the_next_request(
    lab: Lab, model_server: ModelServer
) -> None:
    lab.rekey(new_entry("alice", KEY))

    lab.change(**at(model_server), key_limits={"requests_per_minute": 1})
    limited = [(await lab.gateway.chat()).status_code for _ in range(2)]
    lab.change(**at(model_server))

    assert limited == [200, 429]
    assert (await lab.gateway.chat()).status_code == 200
