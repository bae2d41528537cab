"""When the engine will be back, as far as anybody knows."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gateway.backends.startup_estimate import StartupEstimate

AT = datetime(2026, 11, 23, 20, tzinfo=UTC)
NOW = AT.timestamp()


def said(folder: Path, **facts: object) -> StartupEstimate:
    path = folder / "status.json"
    path.write_text(json.dumps({"phase": "loading", "at": AT.isoformat()} | facts))
    eta = StartupEstimate(path)
    eta.read()
    return eta


def test_nothing_known_is_half_a_minute() -> None:
    assert StartupEstimate(None).seconds_left(NOW) == 30


def test_what_the_agent_said_counts_down(tmp_path: Path) -> None:
    eta = said(tmp_path, eta_seconds=55)

    assert eta.is_loading(NOW)
    assert [eta.seconds_left(NOW + later) for later in (0, 20, 54, 58)] == [55, 35, 1, 1]


def test_what_the_agent_said_a_minute_ago_counts_no_more(tmp_path: Path) -> None:
    eta = said(tmp_path, eta_seconds=5000)

    assert eta.seconds_left(NOW) == 120
    assert eta.seconds_left(NOW + 61) == 30
    assert not eta.is_loading(NOW + 61)


def test_a_percentage_is_of_what_starts_usually_take(tmp_path: Path) -> None:
    assert said(tmp_path, percent=40).seconds_left(NOW) == 18


@pytest.mark.parametrize("phase", ["serving", "failed"])
def test_a_host_that_serves_or_has_failed_is_not_loading(tmp_path: Path, phase: str) -> None:
    assert not said(tmp_path, phase=phase, eta_seconds=None).is_loading(NOW)


def test_the_time_of_the_file_counts_when_the_agent_names_none(tmp_path: Path) -> None:
    eta = said(tmp_path, at=None, eta_seconds=50)
    written = (tmp_path / "status.json").stat().st_mtime

    assert eta.seconds_left(written + 10) == 40


@pytest.mark.parametrize("text", ["", "[]", '{"phase": 1}', "{" * 100_000, '{"percent": 4}'])
def test_a_file_that_says_nothing_useful_is_no_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "status.json"
    path.write_text(text)
    eta = StartupEstimate(path)

    eta.read()

    assert (eta.is_loading(), eta.seconds_left()) == (False, 30)


def test_what_starts_took_is_expected_of_the_next_one() -> None:
    eta = StartupEstimate(None)

    for _ in range(8):
        eta.began(NOW)
        eta.ended(NOW + 90)
    eta.began(NOW)

    assert eta.seconds_left(NOW + 30) == pytest.approx(60, abs=1)
    assert eta.seconds_left(NOW + 300) == 10
