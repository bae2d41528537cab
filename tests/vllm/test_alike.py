"""200 requests of many kinds, asked of the engine directly and through the gateway: all alike."""

from __future__ import annotations

import httpx
import pytest
from vllmlab.calls.seeded import calls
from vllmlab.comparison import compared
from vllmlab.engine import Engine
from vllmlab.gate import Gate

SEEDS = (1,)
COUNT = 240


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_through_the_gateway_are_the_engines_own(
    door: Gate, engine: Engine, seed: int
) -> None:
    with httpx.Client(base_url=engine.url, timeout=120) as direct:
        found = compared(calls(seed, COUNT), direct, door.client)

    print(found)  # noqa: T201 -- how often each intended difference was seen
    assert found.alike > COUNT // 2
    assert found.different == []
