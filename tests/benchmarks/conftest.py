from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.errors import MissingProgram
from benchmarks.runs import mock
from benchmarks.runs.sample import Sample
from benchmarks.system import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.system.programs import Programs


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Programs:
    try:
        return programs.build(tmp_path_factory.mktemp("programs"))
    except MissingProgram as reason:
        pytest.skip(str(reason))


@pytest.fixture
def mock_port(built: Programs, tmp_path: Path) -> Iterator[int]:
    with mock.listening(built.mock, core=min(os.sched_getaffinity(0)), folder=tmp_path) as port:
        yield port


@pytest.fixture
def sample() -> Callable[..., Sample]:
    """One with a cost of so many microseconds per unit."""

    def make(target: str, load: str, unit_us: float, **more: Any) -> Sample:
        units = 1000
        times = {"p50": 1000.0, "p99": 2000.0, "max": 3000.0}
        histograms = dict.fromkeys(("latency_us", "first_us", "transit_us"), times)
        facts: dict[str, Any] = {
            "units": units,
            "cpu_ns": round(unit_us * units * 1000),
            "seconds": 2.0,
            "share": 0.9,
            "noise": 0.0,
            "peak_bytes": 50 * 1024 * 1024,
            "errors": 0,
            "generator": {"marks": units, **histograms},
        }
        return Sample(target=target, load=load, **(facts | more))

    return make
