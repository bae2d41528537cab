"""Alive, ready, and both: what a supervisor, a balancer and a person ask."""

import asyncio
import signal
import time

import pytest
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start
from inference_proxy import upstream


async def test_all_is_well(gateway: Running) -> None:
    live = await gateway.client.get("/health/live")
    ready = await gateway.client.get("/health/ready")
    health = await gateway.client.get("/health")

    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert (health.status_code, health.json()["status"]) == (200, "ok")


async def test_a_model_server_that_is_loading_leaves_the_gateway_alive_but_not_ready(
    gateway: Running, model_server: ModelServer
) -> None:
    await model_server.__aexit__()

    live = await gateway.client.get("/health/live")
    ready = await gateway.client.get("/health/ready")
    health = await gateway.client.get("/health")

    assert live.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "waiting")
    assert (health.status_code, health.json()["status"]) == (200, "warning")


async def test_a_model_server_that_hangs_is_not_waited_for(
    gateway: Running, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    monkeypatch.setattr(upstream, "PROBE_SECONDS", 0.2)
    model_server.on["/health"] = silence
    began = time.perf_counter()

    ready = await gateway.client.get("/health/ready")

    assert ready.status_code == 503
    assert time.perf_counter() - began < 1.5


async def test_a_deployment_without_an_engine_is_ready(start: Start) -> None:
    gateway = await start(engine_enabled=False, backends=("http://127.0.0.1:9",))

    ready = await gateway.client.get("/health/ready")

    assert (ready.status_code, ready.json()["status"]) == (200, "disabled")


async def test_a_gateway_that_was_told_to_stop_is_not_ready(gateway: Running) -> None:
    gateway.server.handle_exit(signal.SIGTERM, None)

    ready = await gateway.client.get("/health/ready")

    assert (ready.status_code, ready.json()["status"]) == (503, "stopping")


async def test_the_number_in_flight_is_told_while_a_request_runs(
    gateway: Running, model_server: ModelServer
) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    model_server.on["/v1/chat/completions"] = silence
    asking = asyncio.ensure_future(gateway.chat())
    await model_server.called()

    ready = await gateway.client.get("/health/ready")

    assert ready.json() == {"status": "ready", "in_flight": 1}
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
