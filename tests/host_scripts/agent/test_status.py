"""What the gateway hears of an engine that is not there yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from host.agent.phases import State
from host.agent.status import Status
from host.drain.order import Drain

LOADING, SERVING, UNHEALTHY = State("loading"), State("serving"), State("unhealthy")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "status"


@pytest.fixture
def status(file: Path) -> Status:
    return Status(file, lambda: 1_700_000_000.0)


def line(file: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(file.read_text())
    return said


def test_the_line_is_what_the_gateway_reads(status: Status, file: Path) -> None:
    status.show(State("weights", 40), 0.0)

    assert line(file) == {
        "phase": "weights",
        "percent": 40,
        "eta_seconds": None,
        "at": "2023-11-14T22:13:20.000Z",
        "drain": None,
    }
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_second_loading_is_expected_to_take_as_long_as_the_first(
    status: Status, file: Path
) -> None:
    for state, now in ((LOADING, 0.0), (LOADING, 50.0), (SERVING, 60.0), (UNHEALTHY, 1000.0)):
        status.show(state, now)
    first = line(file)["eta_seconds"]
    status.show(UNHEALTHY, 1045.5)

    assert (first, line(file)["eta_seconds"]) == (60, 15)


def test_what_takes_longer_than_last_time_is_not_promised(status: Status, file: Path) -> None:
    for state, now in ((LOADING, 0.0), (SERVING, 60.0), (LOADING, 100.0), (LOADING, 161.0)):
        status.show(state, now)

    assert line(file)["eta_seconds"] is None


def test_setting_up_is_no_loading(status: Status, file: Path) -> None:
    for state, now in (
        (State("images"), 0.0),
        (LOADING, 500.0),
        (SERVING, 510.0),
        (LOADING, 600.0),
    ):
        status.show(state, now)

    assert line(file)["eta_seconds"] == 10


def test_the_line_is_fresh_while_the_engine_is_awaited_and_calm_while_it_serves(
    status: Status, file: Path
) -> None:
    def written(state: State, now: float) -> bool:
        before = file.stat().st_ino if file.exists() else None
        status.show(state, now)
        return file.stat().st_ino != before

    assert [written(LOADING, now) for now in (0.0, 4.9, 5.0)] == [True, False, True]
    assert [written(SERVING, now) for now in (6.0, 1000.0)] == [True, False]


def test_an_order_to_drain_is_written_at_once_and_again_when_it_changes(
    status: Status, file: Path
) -> None:
    seen = []

    for now, order in ((0.0, None), (1.0, Drain(1_700_000_060.25, 30)), (2.0, None)):
        status.show(SERVING, now, order)
        seen.append(line(file)["drain"])

    order = {"refuse_from": "2023-11-14T22:14:20.250Z", "retry_after_seconds": 30}
    assert seen == [None, order, None]


def test_a_host_without_a_gateway_writes_no_status() -> None:
    Status(None, lambda: 0.0).show(LOADING, 0.0)


def test_a_full_disk_does_not_end_the_agent(tmp_path: Path) -> None:
    Status(tmp_path / "absent" / "status", lambda: 0.0).show(LOADING, 0.0)
