"""What the agent asks its gateway is answered as on a host: through Docker's bridge, as a stranger
unless it shows its key, and whatever the filters say of networks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.filter_rule import FilterRule
from gateway.settings.gateway_settings import Settings
from gatewaylab.model_server import ModelServer
from gatewaylab.running import KEY, Running, running
from gatewaylab.visiting import written_keys
from host.agent import activity
from host.agent.phases import State
from host.agent.status import Status
from host.drain.order import Drain
from host.probes.api_key import ApiKey
from host.probes.chain import Chain
from host.probes.completion import completes


class Ssm:
    def __init__(self, key: str) -> None:
        self._key = key

    def get_parameter(self, **_: object) -> dict[str, dict[str, str]]:
        return {"Parameter": {"Value": self._key}}


def held(key: str) -> ApiKey:
    return ApiKey(Ssm(key), "/lamplighter/demo/api-key", lambda: 0.0)


@pytest.fixture
def status(tmp_path: Path) -> Path:
    return tmp_path / "status"


@pytest.fixture
async def gateway(tmp_path: Path, status: Path) -> AsyncIterator[Running]:
    office = FilterRule(name="office-only", allow=("203.0.113.0/24",))
    async with ModelServer() as engine:
        settings = Settings(
            backends=(BackendSettings(engine.origin),),
            keys_file=written_keys(tmp_path),
            eta_file=status,
            filters=(office,),
        )
        async with running(settings) as made:
            yield made


async def test_a_drain_is_seen_to_be_over(gateway: Running, status: Path) -> None:
    chain = Chain("tiny", None, f"http://127.0.0.1:{gateway.port}", None)
    Status(status, lambda: 0.0).show(State("serving"), 0.0, Drain(0.0, 30))
    await asyncio.sleep(1)  # it looks at the file every quarter of a second

    seen = [await asyncio.to_thread(activity.is_over, chain, held(key)) for key in (KEY, "sk-no")]

    assert seen == [True, False]


async def test_a_refused_document_is_a_warning_of_the_host(gateway: Running) -> None:
    chain = Chain("tiny", None, f"http://127.0.0.1:{gateway.port}", None)

    seen = []
    for gateway.gateway.reload.wrong in (None, "filters: no RE2 pattern"):
        said = await asyncio.to_thread(activity.look, chain, held(KEY))
        assert said is not None
        seen.append(said.settings_refused)

    assert seen == [False, True]


async def test_a_filter_of_networks_makes_no_host_look_dead(gateway: Running) -> None:
    origin = f"http://127.0.0.1:{gateway.port}"
    outside = await gateway.client.get("/v1/models", headers={"x-forwarded-for": "198.51.100.7"})

    found = await asyncio.to_thread(completes, origin, "tiny", seconds=5, key=KEY)

    assert outside.status_code == 403
    assert found is None
