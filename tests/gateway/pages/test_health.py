"""Alive, ready, and both: what a supervisor, a balancer and a person ask."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings
from gatewaylab.model_server import Call, ModelServer, until
from gatewaylab.running import Running, Start
from gatewaylab.visiting import ELSEWHERE, Visitor

BOTH = (BackendSettings(url="http://127.0.0.1:8000"), BackendSettings(url="http://127.0.0.1:8001"))


@pytest.fixture
def visitor() -> Visitor:
    return Visitor(Settings(backends=BOTH))


async def test_all_is_well(visitor: Visitor) -> None:
    visitor.backend_serves("tiny")

    live = await visitor.ask("/health/live")
    ready = await visitor.ask("/health/ready")
    health = await visitor.ask("/health")

    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert (health.status_code, health.json()["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (("down", "down"), "waiting"),
        (("unknown", "unknown"), "waiting"),
        (("loading", "down"), "loading"),
        (("loading", "unknown"), "loading"),
    ],
)
async def test_without_a_backend_that_is_up_the_gateway_is_alive_but_not_ready(
    visitor: Visitor, states: tuple[str, str], status: str
) -> None:
    for backend, state in zip(visitor.gateway.routing.backends, states, strict=True):
        backend.state = state  # type: ignore[assignment]

    live = await visitor.ask("/health/live")
    ready = await visitor.ask("/health/ready")
    health = await visitor.ask("/health")

    assert live.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, status)
    told = (health.status_code, health.json()["status"], health.json()["engine"])
    assert told == (200, "warning", status)


async def test_one_backend_of_two_is_enough(visitor: Visitor) -> None:
    visitor.backend_serves("tiny")
    visitor.gateway.routing.backends[1].found("down")

    ready = await visitor.ask("/health/ready")

    assert ready.status_code == 200


async def test_what_the_hosts_agent_says_of_loading_is_told(tmp_path: Path) -> None:
    eta = tmp_path / "eta.json"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    eta.write_text(json.dumps({"phase": "loading", "eta_seconds": 55, "at": at}))
    visitor = Visitor(Settings(backends=BOTH, eta_file=eta))
    visitor.gateway.host.read()

    ready = await visitor.ask("/health/ready")

    assert (ready.status_code, ready.json()["status"]) == (503, "loading")


async def test_a_host_that_drains_is_well_and_ready_until_it_refuses(tmp_path: Path) -> None:
    eta = tmp_path / "status"
    visitor = Visitor(Settings(backends=BOTH, eta_file=eta))
    visitor.backend_serves("tiny")
    seen = []

    for seconds in (3600, -1):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        drain = {"refuse_from": at, "retry_after_seconds": 30}
        eta.write_text(json.dumps({"phase": "serving", "drain": drain}))
        visitor.gateway.host.read()
        answers = [await visitor.ask(path) for path in ("/health/ready", "/health")]
        seen.append([(each.status_code, each.json()["status"]) for each in answers])

    assert seen == [[(200, "ready"), (200, "ok")], [(503, "draining"), (200, "draining")]]


async def test_a_deployment_without_an_engine_is_ready() -> None:
    visitor = Visitor(Settings(engine_enabled=False))

    ready = await visitor.ask("/health/ready")

    assert (ready.status_code, ready.json()["status"]) == (200, "disabled")


async def test_health_needs_no_key_wherever_it_is_asked_from(visitor: Visitor) -> None:
    visitor.backend_serves("tiny")

    answers = [
        await visitor.ask(path, peer=ELSEWHERE, x_forwarded_for=ELSEWHERE)
        for path in ("/health", "/health/live", "/health/ready")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


async def test_a_gateway_that_was_told_to_stop_is_not_ready(gateway: Running) -> None:
    gateway.server.handle_exit(signal.SIGTERM, None)

    ready = await gateway.client.get("/health/ready")
    health = await gateway.client.get("/health")

    assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
    assert (health.status_code, health.json()["status"]) == (503, "stopping")


async def test_a_model_server_that_goes_away_is_noticed_without_a_request(
    start: Start, model_server: ModelServer
) -> None:
    gateway = await start(probe_seconds=0.05)
    await until(lambda: gateway.gateway.routing.backends[0].state == "up")
    before = await gateway.client.get("/health/ready")

    await model_server.__aexit__()
    await until(lambda: not gateway.gateway.routing.backends[0].up)
    after = await gateway.client.get("/health/ready")

    assert (before.json()["status"], after.json()["status"]) == ("ready", "waiting")


async def test_the_number_in_flight_is_told_while_a_request_runs(
    gateway: Running, model_server: ModelServer
) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    await until(lambda: gateway.gateway.routing.backends[0].state == "up")
    model_server.on["/v1/chat/completions"] = silence
    asking = asyncio.ensure_future(gateway.chat())
    await model_server.called()

    ready = await gateway.client.get("/health/ready")

    assert ready.json() == {"status": "ready", "in_flight": 1}
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_head_request_gets_no_body_on_the_wire(gateway: Running) -> None:
    answer = await gateway.raw(b"HEAD /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b""
