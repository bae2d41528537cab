"""Usage: what each key has used, and that neither a restart nor a damaged file invents any."""

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from gateway.core.request_record import RequestRecord
from gateway.telemetry import usage as usage_module
from gateway.telemetry.usage import Usage
from gatewaylab.records import record_of

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "usage.json"


@pytest.fixture
def start(file: Path, clock: Clock) -> Callable[[], Usage]:
    return lambda: Usage(file, clock)


def spent(
    key_id: str | None = "alice", prompt: int | None = 7, made: int | None = 3
) -> RequestRecord:
    return record_of(key_id=key_id, status=200, prompt_tokens=prompt, completion_tokens=made)


def counts(requests: int, prompt: int, completion: int, errors: int = 0) -> dict[str, int]:
    return {
        "requests": requests,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "errors": errors,
    }


def requests(*days: dict[str, dict[str, int]]) -> int:
    return sum(each["requests"] for day in days for each in day.values())


def test_requests_tokens_and_errors_are_counted_for_each_key(start) -> None:
    usage = start()

    usage.record(spent())
    usage.record(spent(prompt=None, made=None))
    usage.record(spent("bob", 1, 0))
    usage.record(spent(None))

    assert usage.summary() == {
        "alice": {"today": counts(2, 7, 3), "total": counts(2, 7, 3)},
        "bob": {"today": counts(1, 1, 0), "total": counts(1, 1, 0)},
    }
    assert usage.today("alice") == 10
    assert usage.today("carol") == 0
    assert usage.of("carol") == {"today": counts(0, 0, 0), "total": counts(0, 0, 0)}


@pytest.mark.parametrize(
    ("status", "error", "errors"),
    [
        (200, None, 0),
        (399, None, 0),
        (400, None, 1),
        (429, "rate_limit_exceeded", 1),
        (200, "stream_incomplete", 1),
        (499, None, 0),
        (502, "backend_lost", 1),
    ],
)
def test_an_error_is_what_the_client_saw_as_one(start, status, error, errors) -> None:
    usage = start()

    usage.record(record_of(key_id="alice", status=status, error=error))

    assert usage.of("alice")["today"]["errors"] == errors


def test_a_restart_forgets_nothing(start) -> None:
    usage = start()
    usage.record(spent())
    usage.save()

    again = start()
    again.record(spent())

    assert again.today("alice") == 20
    assert again.of("alice")["total"] == counts(2, 14, 6)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_day_ends_at_midnight_utc_and_the_total_goes_on(start, clock, restarts) -> None:
    usage = start()
    usage.record(spent())
    clock.now = 20_001 * DAY - 0.001
    assert usage.today("alice") == 10

    clock.now = 20_001 * DAY
    usage.save()
    usage = start() if restarts else usage

    assert usage.today("alice") == 0
    usage.record(spent(prompt=1, made=0))
    assert usage.of("alice") == {"today": counts(1, 1, 0), "total": counts(2, 8, 3)}


def test_the_file_tells_the_counts_of_each_day(start, clock, file) -> None:
    usage = start()
    usage.record(spent())
    clock.now += DAY
    usage.record(spent("bob"))
    usage.save()

    written = json.loads(file.read_text())

    assert written == {
        "day": "2024-10-05",
        "today": {"bob": counts(1, 7, 3)},
        "before": {"alice": counts(1, 7, 3)},
        "history": {"2024-10-04": {"alice": counts(1, 7, 3)}},
    }


def test_days_of_long_ago_are_dropped_and_the_total_keeps_them(start, clock, file) -> None:
    usage = start()
    for _ in range(100):
        usage.record(spent())
        clock.now += DAY
    usage.save()

    assert len(json.loads(file.read_text())["history"]) == usage_module.KEPT_DAYS
    assert start().of("alice")["total"]["requests"] == 100


def test_a_clock_that_is_set_back_changes_nothing(start, clock) -> None:
    usage = start()
    usage.record(spent())

    clock.now -= 3 * DAY
    usage.record(spent())

    assert usage.today("alice") == 20


def test_keys_of_long_ago_become_one_sum(start, clock, monkeypatch) -> None:
    monkeypatch.setattr(usage_module, "KEPT_IDS", 2)
    usage = start()
    for key_id in ("old", "older", "alice", "bob"):
        usage.record(spent(key_id))
        clock.now += DAY
    usage.record(spent("old"))
    clock.now += DAY

    totals = {key_id: each["total"]["requests"] for key_id, each in usage.summary().items()}

    assert totals == {"*": 3, "bob": 1, "old": 1}


def test_a_key_that_is_used_again_is_kept(start, clock, monkeypatch) -> None:
    monkeypatch.setattr(usage_module, "KEPT_IDS", 2)
    usage = start()
    for key_id in ("alice", "bob", "alice", "carol"):
        usage.record(spent(key_id))
        clock.now += DAY

    assert list(usage.summary()) == ["*", "alice", "carol"]


def test_a_book_is_not_changed_after_its_day(start, clock) -> None:
    usage = start()
    for key_id in ("alice", "bob"):
        usage.record(spent(key_id))
        clock.now += DAY
    usage.record(spent())
    closed = usage._book
    before = msgspec.json.encode(closed)

    clock.now += DAY
    usage.record(spent())

    assert msgspec.json.encode(closed) == before


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b'{"day": "2024-10-04", "today": {"ali',
        b"\xff\x00",
        b"[]",
        b"[" * 100_000,
        b'{"day": "2024-10-04", "today": {"alice": {"requests": -1}}}',
        b'{"day": "soon"}',
    ],
)
def test_a_damaged_file_is_kept_aside_and_told(start, file, caplog, damage) -> None:
    file.write_bytes(damage)

    usage = start()
    usage.record(spent())
    usage.save()

    assert file.with_name("usage.json.damaged").read_bytes() == damage
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert start().today("alice") == 10


def test_a_folder_in_its_place_is_left_alone(start, file, caplog) -> None:
    file.mkdir()

    usage = start()
    usage.record(spent())
    usage.save()
    usage.save()

    assert file.is_dir()
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "usage counted from zero",
        f"usage not saved in {file}",
    ]


def test_what_could_not_be_saved_is_saved_later(start, tmp_path, file, caplog) -> None:
    usage = start()
    usage.record(spent())
    tmp_path.rename(tmp_path.with_name("away"))
    for _ in range(3):
        usage.save()

    tmp_path.with_name("away").rename(tmp_path)
    usage.save()

    assert start().today("alice") == 10
    assert len(caplog.records) == 1


def test_nothing_is_written_when_nothing_happened(start, file) -> None:
    usage = start()
    usage.record(spent())
    usage.save()
    written = file.stat().st_mtime_ns, file.stat().st_ino

    usage.save()

    assert (file.stat().st_mtime_ns, file.stat().st_ino) == written


def test_without_a_file_it_counts_all_the_same(clock, tmp_path) -> None:
    usage = Usage(None, clock)

    usage.record(spent())
    usage.save()

    assert usage.today("alice") == 10
    assert list(tmp_path.iterdir()) == []


def test_a_save_in_a_thread_never_writes_half_a_day(start, clock, file) -> None:
    usage = start()
    ended = threading.Event()

    def keep_saving() -> None:
        while not ended.is_set():
            usage.save()

    saver = threading.Thread(target=keep_saving)
    saver.start()
    try:
        for number in range(300):
            usage.record(spent(f"key-{number % 50}", 1, 0))
            clock.now += DAY / 10
            if file.exists():
                written = json.loads(file.read_text())
                assert requests(written["today"], *written["history"].values()) == requests(
                    written["today"], written["before"]
                )
    finally:
        ended.set()
        saver.join()
    usage.save()
    assert sum(each["total"]["requests"] for each in start().summary().values()) == 300
