from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from lamplighter.local.record import Twin

if TYPE_CHECKING:
    from pathlib import Path

    from clilab.fixture_types import Run


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of a twin that was started once and is not running any more."""
    Twin(state=tmp_path, port=4599, engine="stub").save()
    return tmp_path


@pytest.mark.parametrize("words", [["status"], ["key", "prod"], ["events", "prod"]])
def test_local_without_a_running_twin_says_how_to_start_it(
    lamplighter: Run, state: Path, words: list[str]
) -> None:
    result = lamplighter("--local", "--state-dir", str(state), *words)

    assert result.exit_code == 5
    assert "the local twin is not up: run `lamplighter local up`" in result.stderr


def test_local_may_come_from_the_environment(
    lamplighter: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LOCAL", "1")
    monkeypatch.setenv("LAMPLIGHTER_STATE_DIR", str(tmp_path))

    result = lamplighter("status")

    assert "the local twin is not up" in result.stderr


def test_env_is_what_a_shell_can_evaluate(lamplighter: Run, state: Path) -> None:
    result = lamplighter("--state-dir", str(state), "local", "env")

    lines = result.stdout.splitlines()
    assert lines[0] == "export AWS_ENDPOINT_URL=http://127.0.0.1:4599"
    assert f"export LAMPLIGHTER_ORIGINS={state}/origins.json" in lines
    assert all(line.startswith("export ") for line in lines)


def test_env_of_no_twin_is_an_error_and_an_empty_answer(lamplighter: Run, tmp_path: Path) -> None:
    result = lamplighter("--state-dir", str(tmp_path), "local", "env")

    assert (result.exit_code, result.stdout) == (5, "")


def test_status_of_no_twin_is_an_answer(lamplighter: Run, tmp_path: Path) -> None:
    result = lamplighter("--json", "--state-dir", str(tmp_path), "local", "status")

    assert (result.exit_code, json.loads(result.stdout)) == (0, {"up": False})


def test_down_of_no_twin_is_already_done(lamplighter: Run, tmp_path: Path) -> None:
    assert lamplighter("--state-dir", str(tmp_path), "local", "down").exit_code == 0


def test_break_knows_three_ways(lamplighter: Run) -> None:
    result = lamplighter("local", "break", "smash")

    assert result.exit_code == 2
    assert "'terminate', 'stop', 'spot-warning'" in result.stderr
