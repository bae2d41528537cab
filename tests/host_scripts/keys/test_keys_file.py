"""The keys file follows SSM, and no error locks anybody out."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from gateway.access import keys_file
from host.keys.entries import Damaged, parse
from host.keys.keys_file import Keys, load
from host_scripts.sandbox import entry

PATH = "/lamplighter/demo/keys"
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParametersByPath")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParametersByPath")
AWAY = EndpointConnectionError(endpoint_url="https://ssm")


class Ssm:
    """values: id -> parameter. hidden: ids that a listing misses. A page holds two."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.problems: dict[str, Exception] = {}  # at a page's token, or at an id
        self.asked: list[str] = []

    def put(self, key_id: str, **changed: Any) -> None:
        self.values[key_id] = json.dumps([entry(key_id, **changed)])

    def get_parameters_by_path(self, *, Path: str, NextToken: str = "0") -> Any:  # noqa: N803
        assert Path == PATH
        self._meet(NextToken)
        names = sorted(self.values.keys() - self.hidden)
        start = int(NextToken)
        page = [self._shown(key_id) for key_id in names[start : start + 2]]
        more = {"NextToken": str(start + 2)} if start + 2 < len(names) else {}
        return {"Parameters": page, **more}

    def get_parameter(self, *, Name: str) -> Any:  # noqa: N803
        key_id = Name.removeprefix(f"{PATH}/")
        self.asked.append(key_id)
        self._meet(key_id)
        if key_id not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": self._shown(key_id)}

    def _shown(self, key_id: str) -> dict[str, str]:
        return {"Name": f"{PATH}/{key_id}", "Value": self.values[key_id]}

    def _meet(self, where: str) -> None:
        if where in self.problems:
            raise self.problems[where]


@pytest.fixture
def ssm() -> Ssm:
    made = Ssm()
    for key_id in ("alice", "bob", "default"):
        made.put(key_id)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(ssm: Ssm, file: Path) -> Keys:
    """The keys after a first good look."""
    made = Keys(ssm, PATH, file)
    assert made.sync()
    return made


def ids(file: Path) -> list[str]:
    return [one["id"] for one in json.loads(file.read_text())["keys"]]


@pytest.mark.usefixtures("keys")
def test_every_page_of_ssm_becomes_one_document(file: Path) -> None:
    expected = [entry(key_id) for key_id in ("alice", "bob", "default")]

    assert json.loads(file.read_text()) == {"keys": expected}
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_did_not_change_is_not_written(keys: Keys, file: Path) -> None:
    before = file.stat().st_ino

    keys.sync()

    assert file.stat().st_ino == before


def test_a_new_key_comes_and_a_revoked_one_goes(keys: Keys, ssm: Ssm, file: Path) -> None:
    ssm.put("carol")
    del ssm.values["alice"]

    keys.sync()

    assert ids(file) == ["bob", "carol", "default"]


def test_both_entries_of_a_rotated_key_are_there(keys: Keys, ssm: Ssm, file: Path) -> None:
    old = entry("alice", expires="2026-11-24T00:00:00Z")
    ssm.values["alice"] = json.dumps([old, entry("alice", salt="ab" * 16)])

    keys.sync()

    assert ids(file) == ["alice", "alice", "bob", "default"]


@pytest.mark.parametrize("problem", [THROTTLED, DENIED, AWAY], ids=repr)
@pytest.mark.parametrize("at", ["0", "2", "alice"])
def test_an_error_anywhere_keeps_the_whole_set(
    keys: Keys, ssm: Ssm, file: Path, problem: Exception, at: str
) -> None:
    before = file.read_text()
    ssm.put("carol")
    ssm.hidden.add("alice")
    ssm.problems[at] = problem

    assert keys.sync()

    assert file.read_text() == before


def test_an_empty_answer_keeps_the_whole_set(keys: Keys, ssm: Ssm, file: Path) -> None:
    before = file.read_text()
    ssm.values.clear()

    assert keys.sync()

    assert file.read_text() == before


def test_a_listing_with_gaps_takes_nothing_away(keys: Keys, ssm: Ssm, file: Path) -> None:
    before = file.read_text()
    ssm.hidden = {"alice", "default"}

    keys.sync()

    assert ssm.asked == ["alice", "default"]
    assert file.read_text() == before


def test_the_first_key_stays_even_when_ssm_says_that_it_is_gone(
    keys: Keys, ssm: Ssm, file: Path
) -> None:
    del ssm.values["default"]
    del ssm.values["alice"]

    keys.sync()

    assert ids(file) == ["bob", "default"]


def test_a_damaged_parameter_keeps_its_last_good_entries_and_the_others_follow(
    keys: Keys, ssm: Ssm, file: Path
) -> None:
    ssm.values["alice"] = "{"
    ssm.put("carol")
    del ssm.values["bob"]

    keys.sync()

    assert ids(file) == ["alice", "carol", "default"]


def test_a_problem_is_logged_once_until_it_changes(
    keys: Keys, ssm: Ssm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    ssm.values["alice"] = "{"
    for _ in range(3):
        keys.sync()
    ssm.put("alice")
    keys.sync()
    ssm.values["alice"] = "{"
    keys.sync()

    said = [record.getMessage() for record in caplog.records]
    problem = "'alice' is damaged: it is no JSON; write it again"
    assert said == [f"keys kept as they were path={PATH} problem={problem}"] * 2


def test_no_log_line_holds_a_salt_or_a_hash(
    ssm: Ssm, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ssm.put("alice", tokens_per_day=0)
    Keys(ssm, PATH, file).sync()

    assert "added=bob,default" in caplog.text
    assert entry("bob")["salt"] not in caplog.text
    assert entry("alice")["sha256"] not in caplog.text


def test_a_damaged_file_is_replaced_by_the_next_good_answer(
    ssm: Ssm, file: Path, keys: Keys
) -> None:
    file.write_text('{"keys": [{"id": "al')

    keys.sync()

    assert ids(file) == ["alice", "bob", "default"]


def test_a_folder_that_cannot_be_written_is_survived(ssm: Ssm, tmp_path: Path) -> None:
    keys = Keys(ssm, PATH, tmp_path / "absent" / "keys")

    assert keys.sync() is False


def test_nothing_is_left_beside_the_file(keys: Keys, ssm: Ssm, file: Path) -> None:
    ssm.put("carol")
    keys.sync()

    assert list(file.parent.iterdir()) == [file]


def test_load_of_no_file_is_no_key(tmp_path: Path) -> None:
    assert load(tmp_path / "absent") == {}


REFUSED: list[dict[str, Any]] = [
    {"salt": "ab"},
    {"salt": "zz" * 16},
    {"sha256": "AB" * 32},
    {"sha256": None},
    {"expires": "tomorrow"},
    {"expires": "2026-11-24T00:00:00"},
    {"not_before": 7},
    {"models": "m"},
    {"models": [7]},
    {"priority": "first"},
    {"priority": None},
    {"requests_per_minute": 0},
    {"tokens_per_minute": 1.5},
    {"concurrency": True},
    {"tokens_per_day": "many"},
    {"foreign": 1},
    {"colour": "red"},
]
ACCEPTED: list[dict[str, Any]] = [
    {"not_before": "2026-11-24T00:00:00Z", "expires": "2026-11-24T00:00:00.123+02:00"},
    {"models": []},
    {"models": ["a", "b"]},
    {"priority": "batch", "foreign": True},
    {"requests_per_minute": 1, "tokens_per_minute": 10**12},
]


def understood(file: Path, entries: list[dict[str, Any]]) -> bool:
    """Whether the gateway takes a file of these."""
    file.write_text(json.dumps({"keys": entries}))
    try:
        return len(keys_file.read(file)) == len(entries)
    except keys_file.InvalidKeysFile:
        return False


@pytest.mark.parametrize("changed", REFUSED, ids=str)
def test_an_entry_that_the_gateway_refuses_is_damaged(file: Path, changed: dict[str, Any]) -> None:
    damaged = [entry("alice", **changed)]

    assert not understood(file, damaged)
    with pytest.raises(Damaged):
        parse("alice", json.dumps(damaged))


@pytest.mark.parametrize("changed", ACCEPTED, ids=str)
def test_an_entry_that_the_gateway_takes_is_whole(file: Path, changed: dict[str, Any]) -> None:
    whole = [entry("alice", **changed)]

    assert understood(file, whole)
    assert parse("alice", json.dumps(whole)) == whole


def test_one_key_cannot_speak_for_another() -> None:
    with pytest.raises(Damaged):
        parse("alice", json.dumps([entry("alice", id="bob")]))


@pytest.mark.parametrize("value", ["", "[]", "{}", "null", "[1]", "[[]]", '[{"id": "alice"}]'])
def test_a_value_that_is_no_list_of_entries_is_damaged(value: str) -> None:
    with pytest.raises(Damaged):
        parse("alice", value)


def test_deep_nonsense_is_damaged() -> None:
    with pytest.raises(Damaged):
        parse("alice", "[" * 100_000)
