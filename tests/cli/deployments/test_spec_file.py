from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from lamplighter.deployments import spec_file
from lamplighter.errors import BadSpec

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from clilab.fixture_types import Read, Run
    from clilab.workflows import Workflows


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def of(text: str | bytes, name: str = "prod.yaml") -> dict[str, Any]:
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return spec_file.read(str(file))

    return of


def test_yaml_and_json_give_the_same_document(read: Read) -> None:
    yaml_text = "name: prod\nmodel: m\ninstance:\n  market: spot\n  gpu: true\n"

    from_yaml = read(yaml_text)

    assert from_yaml == {"name": "prod", "model": "m", "instance": {"market": "spot", "gpu": True}}
    assert read(json.dumps(from_yaml, indent="\t"), "prod.json") == from_yaml


def test_a_syntax_error_names_file_line_and_column(read: Read) -> None:
    with pytest.raises(BadSpec, match=r"prod\.yaml:2:8: "):
        read("name: prod\nmodel: : m\n")

    with pytest.raises(BadSpec, match=r"prod\.json:2:11: "):
        read('{\n  "name": prod\n}', "prod.json")


@pytest.mark.parametrize("text", ["name: a\nname: b\n", '{"name": "a", "name": "b"}'])
def test_a_key_that_is_there_twice_is_refused(read: Read, text: str) -> None:
    with pytest.raises(BadSpec, match="'name' is there twice"):
        read(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "it is empty"),
        ("# nothing\n", "it is empty"),
        ("- a\n- b\n", "it is a list"),
        ("just text", "it is text"),
        ("42", "it is a number"),
        ("yes", "it is true or false"),
    ],
)
def test_the_top_level_must_be_a_mapping(read: Read, text: str, found: str) -> None:
    with pytest.raises(BadSpec, match=f"top level must be a mapping, like `name: prod`; {found}"):
        read(text)


def test_a_byte_order_mark_is_skipped(read: Read) -> None:
    assert read(b"\xef\xbb\xbfname: prod\n") == {"name": "prod"}


def test_a_file_of_another_encoding_is_refused(read: Read) -> None:
    with pytest.raises(BadSpec, match="save it with the encoding UTF-8"):
        read("name: prod\n".encode("utf-16"))


def test_a_yaml_file_may_begin_with_a_brace(read: Read) -> None:
    assert read("{name: prod, model: m}\n") == {"name": "prod", "model": "m"}


@pytest.mark.parametrize("form", ["{0}: a\n{0}: b\n", '{{"{0}": 1, "{0}": 2}}'])
def test_a_repeated_key_that_may_be_a_secret_is_not_shown(read: Read, form: str) -> None:
    with pytest.raises(BadSpec, match="a key is there twice") as refused:
        read(form.format("hf_aBcDeFgHiJkLmNoP"))

    assert "hf_" not in str(refused.value)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-7", -7), ("8080", 8080), ("0.9", 0.9)])
def test_plain_numbers_are_numbers(read: Read, text: str, value: float) -> None:
    assert read(f"a: {text}\n") == {"a": value}
    assert read(f'{{"a": {text}}}') == {"a": value}


def test_a_schedule_needs_no_quotes(read: Read) -> None:
    """YAML 1.1 reads `on` as true, and 20:00 as 1200."""
    text = "schedule:\n  on:\n    - {start: 08:00, stop: 20:00}\n    - {start: '09:00'}\n"

    assert read(text) == {
        "schedule": {"on": [{"start": "08:00", "stop": "20:00"}, {"start": "09:00"}]}
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 010\n", "prod.yaml:1:4: 010 is no decimal number of at most 18 digits; write one, or"),
        ("a: 1:30\n", "1:4: 1:30 is no decimal number"),
        ("a: 0x1F\n", "1:4: 0x1F is no decimal number"),
        ("a: 1_000\n", "1:4: 1_000 is no decimal number"),
        ("a: 1:30.5\n", "1:4: 1:30.5 is not a number; if it is text, put it in quotes"),
        ("a: " + "9" * 5000 + "\n", "1:4: 99999999999999999999 is no decimal number"),
        ('{"a": ' + "9" * 5000 + "}", "99999999999999999999 is no decimal number"),
        ("a: 1.0e+999\n", "1:4: 1.0e+999 is not a number"),
        ('{"a": 1e999}', "1e999 is not a number"),
        ("a:\n\t- b\n", "2:1: a tab is not allowed here; YAML is indented with spaces"),
        ("a: b\n---\nc: d\n", "2:1: a second document begins (---); one file holds one deployment"),
        (
            "a: !!python/object:os.system x\n",
            "tags (!...) are not supported; write the plain value",
        ),
        ("a: b\nc: d\na: e\n", "3:1: the key 'a' is there twice, first in line 1; keep one"),
        ("b: {<<: {a: 1}}\n", "1:5: merge keys (<<) are not supported: write it out"),
        ("yes: a\n", "1:1: a key must be text: put it in quotes"),
        ("? [a]\n: b\n", "1:3: a key must be text: put it in quotes"),
        ("~: a\n", "1:1: a key must be text: put it in quotes"),
        ("a: \x00\n", "prod.yaml: the character U+0000 is not allowed in YAML (character 4)"),
        ("a: &x [1]\nb: *x\n", "2:4: aliases"),
        ("1: a\n", "1:1: a key must be text"),
        ("a: .nan\n", "1:4: .nan is not a number"),
        ('{"a": NaN}', "NaN is not a number"),
        ("a: !!binary aGk=\n", "1:4: "),
        ("a: !!python/object:os.system x\n", "1:4: "),
        ("a: b\n---\nc: d\n", "2:1: "),
        ("[" * 500, "nested too deeply"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_place(
    read: Read, text: str, complaint: str
) -> None:
    with pytest.raises(BadSpec) as refused:
        read(text)

    assert complaint in str(refused.value)


def test_a_date_stays_text(read: Read) -> None:
    assert read("name: 2026-05-01\n") == {"name": "2026-05-01"}


def test_a_file_over_the_limit_is_refused_unread(read: Read) -> None:
    with pytest.raises(BadSpec, match="larger than 65536 bytes"):
        read("#" * 65_537)


def test_a_file_that_is_not_text_is_refused(read: Read) -> None:
    with pytest.raises(BadSpec, match=r"not UTF-8 text \(byte 6\)"):
        read(b"name: \xff\xfe")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(BadSpec, match=r"gone\.yaml: cannot be read: No such file"):
        spec_file.read("gone.yaml")


@pytest.mark.usefixtures("ledger")
def test_a_dash_reads_standard_input(lamplighter: Run, workflows: Workflows) -> None:
    result = lamplighter("plan", "-", stdin=b"name: piped\nmodel: m\n")

    assert result.exit_code == 0, result.stderr
    assert workflows.asked["spec"] == {"name": "piped", "model": "m"}
