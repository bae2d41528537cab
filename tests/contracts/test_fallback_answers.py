"""Nothing that asks whether a host serves takes a fallback's answer for the engine's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import KEY, Running, running
from gatewaylab.visiting import written_keys
from host.probes.check import Check
from host.probes.completion import completes
from orchestrator.errors import Pending
from orchestrator.hosts import probe


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Running]:
    """Its engine loads, and its fallback answers for it."""

    async def loads(call: Call) -> None:
        call.reply(b"", "503 Service Unavailable")

    async with ModelServer() as engine, ModelServer() as other:
        engine.on["/health"] = loads
        backends = (
            BackendSettings(engine.origin),
            BackendSettings(other.origin, fallback=True, models=("tiny",)),
        )
        settings = Settings(backends=backends, keys_file=written_keys(tmp_path))
        async with running(settings) as gateway:
            assert (await gateway.chat()).status_code == 200
            yield gateway


async def test_the_orchestrators_probe_does_not(gateway: Running) -> None:
    with pytest.raises(Pending, match="chat/completions answers 503"):
        await asyncio.to_thread(probe.serves, f"http://127.0.0.1:{gateway.port}", KEY)


async def test_the_hosts_probe_does_not(gateway: Running) -> None:
    origin = f"http://127.0.0.1:{gateway.port}"

    found = await asyncio.to_thread(completes, origin, "tiny", seconds=5, key=KEY)

    assert isinstance(found, Check)
    assert "answered 503" in found.why
