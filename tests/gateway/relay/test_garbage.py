"""A request leaves no cycles: what is in none is freed at once, without the collector."""

import gc
from collections import Counter
from collections.abc import Iterator

import pytest
from gatewaylab.model_server import ModelServer
from gatewaylab.running import Running


@pytest.fixture
def collected() -> Iterator[list[object]]:
    """What the collector finds, and keeps for the test; it looks only when told to."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield gc.garbage
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("fields", [{}, {"stream": True}], ids=["whole", "stream"])
async def test_a_request_leaves_no_cycle_behind(
    gateway: Running, model_server: ModelServer, collected: list[object], fields: dict[str, object]
) -> None:
    for _ in range(3):
        answer = await gateway.chat(**fields)
        assert answer.status_code == 200
    await gateway.at_rest()

    gc.collect()

    ours = [one for one in collected if type(one).__module__.startswith("gateway")]
    assert Counter(type(one).__name__ for one in ours) == {}
