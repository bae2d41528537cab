"""A host that hands its clients over: what its gateway refuses, and what it still answers."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from gatewaylab.model_server import Call, ModelServer, until
from gatewaylab.running import Running, Start

CHAT = "/v1/chat/completions"


@pytest.fixture
async def draining(start: Start, tmp_path: Path) -> Running:
    """Return a gateway whose host has been refusing new requests for a second."""
    file = tmp_path / "status"
    gateway = await start(eta_file=file)
    await until(lambda: gateway.gateway.routing.backends[0].state == "up")
    order_drain(file, -1)
    await until(gateway.gateway.host.is_draining)
    return gateway


def order_drain(file: Path, seconds: float) -> None:
    """Let the agent's file say from when on new requests are refused, in seconds from now."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    order = {"refuse_from": at, "retry_after_seconds": 30}
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps({"phase": "serving", "drain": order}))
    beside.replace(file)


def code(answer: httpx.Response) -> Any:
    return answer.json()["error"]["code"]


async def test_a_new_request_is_refused_in_openais_shape_with_the_time_to_wait(
    draining: Running, model_server: ModelServer
) -> None:
    answer = await draining.chat()

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert answer.json()["error"] | {"message": ""} == {
        "message": "", "type": "server_error", "param": None, "code": "host_draining",
    }  # fmt: skip
    assert [call.path for call in model_server.calls if call.path == CHAT] == []


async def test_the_key_is_checked_first(draining: Running) -> None:
    answer = await draining.client.post(CHAT, headers={"authorization": "Bearer wrong"}, json={})

    assert (answer.status_code, code(answer)) == (401, "invalid_api_key")


async def test_models_health_and_metrics_are_still_answered(draining: Running) -> None:
    paths = ("/v1/models", "/v1/models/tiny", "/health", "/health/live", "/metrics")

    answers = {path: (await draining.client.get(path)).status_code for path in paths}

    assert answers == dict.fromkeys(paths, 200)


async def test_a_stream_that_runs_ends_whole(
    start: Start, model_server: ModelServer, tmp_path: Path
) -> None:
    go_on = asyncio.Event()

    async def slow(call: Call) -> None:
        call.start_stream()
        call.event("first")
        await go_on.wait()
        call.event("last", "stop")
        call.end_stream()

    file = tmp_path / "status"
    gateway = await start(eta_file=file)
    model_server.on[CHAT] = slow
    body = {"model": "tiny", "stream": True, "messages": []}
    async with gateway.client.stream("POST", CHAT, json=body) as stream:
        pieces = stream.aiter_text()
        first = await anext(pieces)
        order_drain(file, -1)
        await until(gateway.gateway.host.is_draining)
        in_flight = (await gateway.client.get("/health/ready")).json()
        go_on.set()
        rest = "".join([piece async for piece in pieces])

    assert "first" in first
    assert rest.endswith("data: [DONE]\n\n")
    assert "error" not in rest
    assert in_flight == {"status": "draining", "in_flight": 1}
