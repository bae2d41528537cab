"""The keys file: what a wrong one is told, without a word of what it holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from gateway.access.keys import Keys
from gateway.access.keys_file import InvalidKeysFile, new_entry, read

GOOD = new_entry("alice", f"sk-alice-{'a' * 43}")
PLANTED = "sk-PLANTED-secret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def problem(file: Path, content: str) -> str:
    file.write_text(content)
    with pytest.raises(InvalidKeysFile) as caught:
        read(file)
    told = f"{caught.value} {caught.value.__cause__}"
    assert PLANTED not in told
    return str(caught.value).removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": PLANTED + "/"}, "entry 1: id takes 1 to 64 letters"),
        ({"id": "x\n"}, "entry 1: id takes"),
        ({"id": None}, "entry 1: id takes"),
        ({"salt": PLANTED}, "entry 1: salt takes 16 to 64 bytes in lower-case hex"),
        ({"salt": "ab" * 15}, "entry 1: salt takes"),
        ({"sha256": PLANTED}, "entry 1: sha256 takes 64 lower-case hex digits"),
        ({"sha256": "A" * 64}, "entry 1: sha256 takes"),
        ({"expires": PLANTED}, "entry 1: expires takes a time with its zone"),
        ({"expires": "2026-11-23T00:00:00"}, "entry 1: expires takes"),
        ({"not_before": 1.5e9}, "entry 1: not_before takes"),
        ({"models": PLANTED}, "entry 1: models takes a list of names"),
        ({"models": ["tiny", 1]}, "entry 1: models takes"),
        ({"priority": PLANTED}, "entry 1: priority takes one of interactive, standard, batch"),
        ({"requests_per_minute": 0}, "entry 1: requests_per_minute takes a whole number above 0"),
        ({"tokens_per_minute": 1.5}, "entry 1: tokens_per_minute takes"),
        ({"concurrency": True}, "entry 1: concurrency takes"),
        ({"tokens_per_day": "5"}, "entry 1: tokens_per_day takes"),
        ({"foreign": 1}, "entry 1: foreign takes true or false"),
        ({PLANTED: 1}, "entry 1: it takes an object with no other fields than id, salt, sha256"),
    ],
)
def test_a_wrong_field_is_told_with_what_it_takes(
    file: Path, change: dict[str, Any], said: str
) -> None:
    assert problem(file, json.dumps({"keys": [GOOD, GOOD | change]})).startswith(said)


@pytest.mark.parametrize("field", ["id", "salt", "sha256"])
def test_a_missing_field_is_named(file: Path, field: str) -> None:
    entry = {name: value for name, value in GOOD.items() if name != field}

    assert problem(file, json.dumps({"keys": [entry]})).startswith(
        f"entry 0: {field} is missing; it takes "
    )


@pytest.mark.parametrize(
    "document", [[], {}, {"keys": {}}, {"keys": [], PLANTED: 1}, {"keys": None}, PLANTED]
)
def test_another_document_is_told_what_it_should_be(file: Path, document: Any) -> None:
    assert problem(file, json.dumps(document)) == 'it takes {"keys": [...]} and no other field'


def test_an_entry_that_is_no_object_is_told_what_it_should_be(file: Path) -> None:
    assert problem(file, json.dumps({"keys": [PLANTED]})).startswith("entry 0: it takes an object")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ('{\n"keys": [\n# ' + PLANTED + "\n]}", "it is no JSON in line 3"),
        ('{"keys": [' + json.dumps(GOOD)[:-20], "it is no JSON: it ends too early"),
    ],
)
def test_what_is_no_json_is_told_by_its_line(file: Path, content: str, said: str) -> None:
    assert problem(file, content) == said


def test_no_part_of_a_file_is_a_file(file: Path) -> None:
    whole = json.dumps({"keys": [GOOD]}).encode()

    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(InvalidKeysFile):
            read(file)


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00Z",
        "2026-11-23 13:00:00+01:00",
        "2026-11-23T12:00:00.000+0000",
    ],
)
def test_a_time_may_be_written_as_iso_8601_allows(file: Path, time: str) -> None:
    file.write_text(json.dumps({"keys": [GOOD | {"not_before": time, "expires": time}]}))

    assert [(entry.begins, entry.ends) for entry in read(file)] == [(1_795_435_200, 1_795_435_200)]


def test_an_enormous_limit_is_as_good_as_none(file: Path) -> None:
    file.write_text(json.dumps({"keys": [GOOD | {"tokens_per_minute": 10**400}]}))

    assert read(file)[0].caller.limits.tokens_per_minute == 10**12


def test_secrets_do_not_show(file: Path) -> None:
    file.write_text(json.dumps({"keys": [GOOD]}))

    keys = Keys(file)
    attributes = [getattr(keys, name) for name in dir(keys)]  # compiled, it has no vars()
    shown = f"{keys!r} {read(file)!r} {attributes!r}"

    assert repr(Keys(file)) == f"Keys(1 of {file})"
    assert GOOD["sha256"] not in shown
    assert bytes.fromhex(GOOD["sha256"]).__repr__() not in shown
    assert bytes.fromhex(GOOD["salt"]).__repr__() not in shown
