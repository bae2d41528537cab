from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from lamplighter.commands.keys import keys
from lamplighter.commands.local import local
from lamplighter.main import cli

if TYPE_CHECKING:
    from clilab.fixture_types import Run

COMMANDS = [[name] for name in cli.commands]
COMMANDS += [[group.name or "", name] for group in (local, keys) for name in group.commands]


def test_help_documents_every_exit_code(lamplighter: Run) -> None:
    out = lamplighter("--help").stdout

    assert [line.split()[0] for line in out.partition("Exit codes:")[2].strip().splitlines()] == [
        "0", "1", "2", "3", "4", "5", "130", "141",
    ]  # fmt: skip


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_commands_help_has_an_example(lamplighter: Run, command: list[str]) -> None:
    result = lamplighter(*command, "--help")

    assert result.exit_code == 0
    assert "\n  Example:\n    " in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_the_version_is_the_packages(lamplighter: Run) -> None:
    assert lamplighter("--version").stdout == "lamplighter 0.1.0\n"


@pytest.mark.parametrize(
    "arguments", [["up"], ["frobnicate"], ["up", "a", "b"], ["status", "--no-such"]]
)
def test_wrong_usage_ends_with_2_and_says_where_help_is(
    lamplighter: Run, arguments: list[str]
) -> None:
    result = lamplighter(*arguments)

    assert result.exit_code == 2
    assert "--help" in result.stderr


def test_an_error_for_machines_is_the_one_document(lamplighter: Run) -> None:
    result = lamplighter("--json", "plan", "gone.yaml")

    assert json.loads(result.stdout) == {
        "error": "BadSpec",
        "cause": "gone.yaml: cannot be read: No such file or directory",
        "exit_code": 2,
    }


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["up"], "Missing argument 'SPEC'. (see `lamplighter up --help`)"),
        (["frobnicate"], "No such command 'frobnicate'. (see `lamplighter --help`)"),
        (["status", "--no-such"], "(see `lamplighter status --help`)"),
        (["keys", "list"], "name one deployment: as DEPLOYMENT, or with --deployment"),
    ],
)
@pytest.mark.parametrize("at", ["before", "after"])
def test_wrong_usage_for_machines_is_a_document_too(
    lamplighter: Run, arguments: list[str], cause: str, at: str
) -> None:
    words = ["--json", *arguments] if at == "before" else [*arguments, "--json"]

    result = lamplighter(*words)

    found = json.loads(result.stdout)
    assert (found["error"], found["exit_code"], result.exit_code) == ("WrongUsage", 2, 2)
    assert cause in found["cause"]
    assert result.stderr == ""


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize(
    "words",
    [
        ["--stack", "other", "status"],
        ["status", "--stack", "other"],
        ["status", "--stack=other"],
        ["--stack", "first", "status", "--stack", "other"],
        ["keys", "--stack", "other", "list", "prod"],
        ["keys", "list", "prod", "--stack", "other"],
        ["keys", "list", "--region", "us-east-1", "prod", "--stack", "other", "--no-color"],
    ],
    ids=" ".join,
)
def test_a_global_option_may_stand_before_or_after_the_command(
    lamplighter: Run, words: list[str]
) -> None:
    result = lamplighter(*words, "--json")

    found = json.loads(result.stdout)
    assert (found["error"], found["exit_code"]) == ("Unavailable", 5)
    assert "no stack 'other'" in found["cause"]


def test_every_global_option_is_taken_after_every_command() -> None:
    ours = {opt for one in cli.params if isinstance(one, click.Option) for opt in one.opts}
    commands = [*cli.commands.values(), *local.commands.values(), *keys.commands.values()]

    for command in commands:
        taken = {opt for one in command.params for opt in one.opts}
        assert ours - {"--version"} <= taken, command.name


@pytest.mark.parametrize("words", [["plan", "gone.yaml"], ["frobnicate"]])
def test_a_reader_that_goes_away_ends_the_command_quietly(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "lamplighter", "--json", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.usefixtures("serving")
def test_a_terminal_that_is_closed_while_lines_are_shown_is_a_reader_that_goes_away(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("lamplighter.screens.screen.Screen._raw", gone)
    monkeypatch.setattr("lamplighter.command_line.boundary._hush", lambda: 141)

    result = lamplighter("status")

    assert (result.exit_code, result.stdout, result.stderr) == (141, "", "")
