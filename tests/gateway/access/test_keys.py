"""Keys: who is let in, and how the set changes under a running gateway."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway.access import keys as keys_module
from gateway.access.keys import Keys
from gateway.access.keys_file import InvalidKeysFile, new_entry
from gateway.core.caller import NO_LIMITS, OPEN, Caller, Limits
from gateway.core.errors import InvalidKey

NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z
SECRET = "a" * 43
ALICE = f"sk-alice-{SECRET}"

Write = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def write(file: Path) -> Write:
    def write(*entries: dict[str, Any]) -> Path:
        new = file.with_suffix(".new")
        new.write_text(json.dumps({"keys": entries}))
        return new.replace(file)

    return write


def bearer(key: str) -> bytes:
    return f"Bearer {key}".encode()


def ask(keys: Keys, key: str, now: float = NOON) -> str:
    return keys.identify(bearer(key), None, now).id


def is_refused(keys: Keys, key: str, now: float = NOON) -> bool:
    with pytest.raises(InvalidKey, match="not known here"):
        keys.identify(bearer(key), None, now)
    return True


def test_a_key_says_who_asks_and_what_they_may(write: Write) -> None:
    limits = {"requests_per_minute": 60, "tokens_per_minute": 7, "concurrency": 2}
    entry = new_entry("alice", ALICE, models=["tiny"], priority="batch", **limits)
    keys = Keys(write(new_entry("bob", f"sk-bob-{SECRET}"), entry))

    assert keys.identify(bearer(ALICE), None, NOON) == Caller(
        "alice", frozenset({"tiny"}), 2, Limits(60, 7, 2, None)
    )
    bob = keys.identify(bearer(f"sk-bob-{SECRET}"), None, NOON)
    assert (bob.models, bob.priority) == (None, 1)
    assert bob.limits is NO_LIMITS


def test_without_a_file_everybody_may_ask() -> None:
    assert Keys(None).identify(None, None, NOON) is OPEN


@pytest.mark.parametrize(
    ("authorization", "x_api_key"),
    [
        (bearer(ALICE), None),
        (f"bearer   {ALICE} ".encode(), None),
        (None, ALICE.encode()),
        (b"Basic YWxpY2U=", ALICE.encode()),
        (bearer(ALICE), b"sk-other"),
    ],
)
def test_a_key_is_taken_from_where_the_sdks_put_it(
    write: Write, authorization: bytes | None, x_api_key: bytes | None
) -> None:
    keys = Keys(write(new_entry("alice", ALICE)))

    assert keys.identify(authorization, x_api_key, NOON).id == "alice"


@pytest.mark.parametrize("authorization", [None, b"", b"Bearer", b"Bearer  ", ALICE.encode()])
def test_a_request_without_a_key_is_told_how_to_send_one(
    write: Write, authorization: bytes | None
) -> None:
    keys = Keys(write(new_entry("alice", ALICE)))

    with pytest.raises(InvalidKey, match="Authorization: Bearer"):
        keys.identify(authorization, None, NOON)


@pytest.mark.parametrize(
    "key",
    ["sk-", "sk", "sk-alice", "sk-alice-", f"{ALICE}x", f"sk-bob-{SECRET}", "é", "x" * 60_000],
)
def test_another_key_is_not_known(write: Write, key: str) -> None:
    assert is_refused(Keys(write(new_entry("alice", ALICE))), key)


def test_an_id_may_hold_dashes(write: Write) -> None:
    key = f"sk-team-a.b_c-{SECRET}"

    assert ask(Keys(write(new_entry("team-a.b_c", key))), key) == "team-a.b_c"


def test_a_key_of_another_form_is_found_where_it_is_marked_foreign(write: Write) -> None:
    foreign = new_entry("carol", "open sesame, please")
    looks_like_ours = new_entry("dave", f"sk-alice-{SECRET[1:]}")
    keys = Keys(write(new_entry("alice", ALICE), foreign, looks_like_ours))

    assert [one.get("foreign") for one in (foreign, looks_like_ours)] == [True, True]
    assert ask(keys, "open sesame, please") == "carol"
    assert ask(keys, f"sk-alice-{SECRET[1:]}") == "dave"
    assert ask(keys, ALICE) == "alice"


def test_two_keys_of_one_id_are_both_good_while_they_rotate(write: Write) -> None:
    new = f"sk-alice-{'b' * 43}"
    keys = Keys(write(new_entry("alice", ALICE), new_entry("alice", new)))

    assert ask(keys, ALICE) == ask(keys, new) == "alice"


@pytest.mark.parametrize(
    ("field", "first", "last", "why"),
    [
        ("expires", NOON - 0.001, NOON, "has expired at 2026-11-23T12:00:00Z"),
        ("not_before", NOON, NOON - 0.001, "not valid before 2026-11-23T12:00:00Z"),
    ],
)
def test_a_key_is_good_within_its_time_only(
    write: Write, field: str, first: float, last: float, why: str
) -> None:
    keys = Keys(write(new_entry("alice", ALICE, **{field: "2026-11-23T13:00:00+01:00"})))

    assert ask(keys, ALICE, first) == "alice"
    with pytest.raises(InvalidKey, match=why):
        ask(keys, ALICE, last)


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ({"expires": "0001-01-01T00:00:00+14:00"}, "has expired at 1970-01-01T00:00:00Z"),
        ({"not_before": "9999-12-31T23:59:59-14:00"}, "not valid before 9999-12-31T23:59:59Z"),
    ],
)
def test_the_ends_of_time_can_be_told(write: Write, times: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidKey, match=why):
        ask(Keys(write(new_entry("alice", ALICE, **times))), ALICE)


def test_only_the_holder_of_an_expired_key_is_told_so(write: Write) -> None:
    entry = new_entry("alice", ALICE, expires="2020-01-01T00:00:00Z")

    assert is_refused(Keys(write(entry)), f"sk-alice-{'b' * 43}")


def test_a_key_that_was_given_more_time_is_good(write: Write) -> None:
    expired = new_entry("alice", ALICE, expires="2020-01-01T00:00:00Z")

    assert ask(Keys(write(expired, new_entry("alice", ALICE))), ALICE) == "alice"


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    made: list[bytes] = []
    real = keys_module.sha256

    def counting(data: bytes) -> Any:
        made.append(data)
        return real(data)

    monkeypatch.setattr(keys_module, "sha256", counting)
    return made


def test_the_work_does_not_tell_which_ids_there_are(write: Write, hashes: list[bytes]) -> None:
    rotating = [new_entry("alice", ALICE), new_entry("alice", f"sk-alice-{'b' * 43}")]
    keys = Keys(write(*rotating, new_entry("bob", f"sk-bob-{SECRET}"), new_entry("eve", "foreign")))
    counts = []

    for name in ("alice", "bob", "eve", "nobody"):
        hashes.clear()
        is_refused(keys, f"sk-{name}-{'c' * 43}")
        counts.append(len(hashes))

    assert counts == [3, 3, 3, 3]


def test_a_text_too_long_for_a_key_is_not_worth_a_hash(write: Write, hashes: list[bytes]) -> None:
    keys = Keys(write(new_entry("alice", ALICE)))

    is_refused(keys, "sk-alice-" + "x" * 504)

    assert hashes == []


def test_a_changed_file_changes_who_is_let_in(write: Write) -> None:
    keys = Keys(write(new_entry("alice", ALICE)))

    write(new_entry("bob", f"sk-bob-{SECRET}"))
    keys.follow()

    assert is_refused(keys, ALICE)
    assert ask(keys, f"sk-bob-{SECRET}") == "bob"


def test_an_empty_list_lets_nobody_in(write: Write) -> None:
    keys = Keys(write(new_entry("alice", ALICE)))

    write()
    keys.follow()

    assert is_refused(keys, ALICE)


@pytest.mark.parametrize("broken", [b"", b" \n", b'{"keys": [', b"\xff", b"[" * 100_000, b"{}"])
def test_a_file_that_is_not_whole_keeps_the_last_good_keys(
    file: Path, write: Write, caplog: pytest.LogCaptureFixture, broken: bytes
) -> None:
    keys = Keys(write(new_entry("alice", ALICE)))

    file.write_bytes(broken)
    keys.follow()
    keys.follow()

    assert ask(keys, ALICE) == "alice"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_file_that_vanishes_keeps_the_last_good_keys(file: Path, write: Write) -> None:
    keys = Keys(write(new_entry("alice", ALICE)))

    file.unlink()
    keys.follow()

    assert ask(keys, ALICE) == "alice"


def test_a_gateway_does_not_start_on_a_file_it_cannot_read(file: Path) -> None:
    with pytest.raises(InvalidKeysFile, match="cannot be read: FileNotFoundError"):
        Keys(file)
