from __future__ import annotations

import json
from typing import TYPE_CHECKING

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
        "0", "1", "2", "3", "4", "5", "130",
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
