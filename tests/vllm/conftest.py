"""One vLLM at a time for this folder, and one gateway in front of it for as long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import eventually
from twin.control import PROJECT
from twin.engines import vllm
from vllmlab.engine import Engine
from vllmlab.gate import Gate, gate

_HERE = Path(__file__).parent
_INSTALLS = 900  # seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("vllm")
            item.add_marker(pytest.mark.timeout(_INSTALLS))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    vllm.prepare(PROJECT, print)
    engine = Engine(tmp_path_factory.mktemp("vllm") / "vllm.log")
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def engine(lab: Engine) -> Engine:
    lab.ensure()
    return lab


@pytest.fixture(scope="session")
def standing(lab: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    lab.ensure()
    with gate(tmp_path_factory.mktemp("gateway"), lab.url) as found:
        yield found


@pytest.fixture
def door(engine: Engine, standing: Gate) -> Iterator[Gate]:
    """Lend the gateway, which must know of an engine that was started again."""
    eventually(standing.is_ready, bool, 10)
    yield standing
    eventually(standing.at_work, lambda found: found == 0, 5)
    assert standing.metric("backend_outstanding") == 0


@pytest.fixture
def narrow(engine: Engine, tmp_path: Path) -> Iterator[Gate]:
    """Lend another gateway, which lets in one request at a time, and knows a model too many."""
    with gate(tmp_path, engine.url, max_in_flight=1, models=["tiny", "ghost"]) as found:
        yield found
        eventually(found.at_work, lambda seen: seen == 0, 5)
