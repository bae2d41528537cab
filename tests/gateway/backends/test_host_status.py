"""When the engine will be back, as far as anybody knows, and whether the host drains."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gateway.backends.host_status import HostStatus
from gateway.core.errors import HostDraining

AT = datetime(2026, 11, 23, 20, tzinfo=UTC)
NOW = AT.timestamp()


def said(folder: Path, **facts: object) -> HostStatus:
    path = folder / "status.json"
    path.write_text(json.dumps({"phase": "loading", "at": AT.isoformat()} | facts))
    eta = HostStatus(path)
    eta.read()
    return eta


def test_nothing_known_is_half_a_minute() -> None:
    assert HostStatus(None).seconds_left(NOW) == 30


def test_what_the_agent_said_counts_down(tmp_path: Path) -> None:
    eta = said(tmp_path, eta_seconds=55)

    assert eta.is_loading(NOW)
    assert [eta.seconds_left(NOW + later) for later in (0, 20, 54, 58)] == [55, 35, 1, 1]


def test_what_the_agent_said_a_minute_ago_counts_no_more(tmp_path: Path) -> None:
    eta = said(tmp_path, eta_seconds=5000)

    assert eta.seconds_left(NOW) == 3600
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
    eta = HostStatus(path)

    eta.read()

    assert (eta.is_loading(), eta.seconds_left()) == (False, 30)


def test_what_starts_took_is_expected_of_the_next_one() -> None:
    eta = HostStatus(None)

    for _ in range(8):
        eta.began(NOW)
        eta.ended(NOW + 90)
    eta.began(NOW)

    assert eta.seconds_left(NOW + 30) == pytest.approx(60, abs=1)
    assert eta.seconds_left(NOW + 300) == 10


def draining(folder: Path, **changed: object) -> HostStatus:
    drain = {"refuse_from": "2026-11-23T20:02:00.000Z", "retry_after_seconds": 30} | changed
    return said(folder, phase="serving", drain=drain)


def test_new_requests_are_refused_from_the_time_of_the_order_on(tmp_path: Path) -> None:
    host = draining(tmp_path)

    host.check_draining(NOW + 119.9)
    with pytest.raises(HostDraining) as refused:
        host.check_draining(NOW + 120)

    assert [host.is_draining(NOW + later) for later in (0, 119.9, 120)] == [False, False, True]
    assert (b"retry-after", b"30") in refused.value.headers()


def test_an_order_to_drain_counts_while_it_is_there_however_old(tmp_path: Path) -> None:
    host = draining(tmp_path)
    assert host.is_draining(NOW + 86_400)

    (tmp_path / "status.json").write_text('{"phase": "serving", "drain": null}')
    host.read()

    assert not host.is_draining(NOW + 86_400)


def test_a_host_that_drains_is_not_loading(tmp_path: Path) -> None:
    assert not draining(tmp_path).is_loading(NOW)


@pytest.mark.parametrize(
    "changed", [{"refuse_from": "2026-11-23T20:02:00"}, {"retry_after_seconds": -1}]
)
def test_an_order_without_a_time_zone_or_with_a_negative_wait_is_none(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    assert not draining(tmp_path, **changed).is_draining(NOW + 86_400)
