import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from gateway.access.keys_file import new_entry
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings
from gatewaylab.model_server import ModelServer
from gatewaylab.running import KEY, Running, Start, running
from msgspec.structs import replace


@pytest.fixture
async def model_server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(json.dumps({"keys": [new_entry("alice", KEY)]}))
    return path


@pytest.fixture
def settings(model_server: ModelServer, keys_file: Path) -> Settings:
    return Settings(backends=(BackendSettings(model_server.origin),), keys_file=keys_file)


@pytest.fixture
async def start(settings: Settings) -> AsyncIterator[Start]:
    """Start a gateway with these settings changed; it stops with the test."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Running:
            return await stack.enter_async_context(running(replace(settings, **changes)))

        yield start


@pytest.fixture
async def gateway(start: Start) -> Running:
    return await start()


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose queue of new connections is full: nobody refuses, nobody answers."""
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()
