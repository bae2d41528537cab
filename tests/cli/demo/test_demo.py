from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from lamplighter.aws.account import connect
from lamplighter.demo import chat, story
from lamplighter.demo.deadline import Late, within
from lamplighter.screens.screen import Screen
from ports import free_port
from twin import record
from twin.processes import started_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clilab.workflows import Scripting, Workflows
    from mypy_boto3_dynamodb.service_resource import Table

DOCUMENT = {"name": "prod", "model": "lamplighter-stub"}


@pytest.fixture
def stage(serving: Table, tmp_path: Path) -> story.Stage:
    account = connect("lamplighter", "us-east-1", {})
    return story.Stage(account, Screen.open(json=False, color=False), DOCUMENT, "stub", tmp_path)


@pytest.fixture
def outage(
    serving: Table, workflows: Workflows, script: type[Scripting], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What the repairs of the lost instance come to; fill it before the outage."""
    outcomes: list[str] = []

    def lose(_state_dir: Path, _how: str) -> str:
        for number, outcome in enumerate(outcomes):
            arn = workflows.begin("repair", {"name": "prod"}, f"repair-{number}")
            output = {"outcome": outcome, "why": "it runs", "instance_id": "i-3"}
            workflows.executions[arn].script = script.of(output=output)
        at = "2026-05-01T12:30:00+00:00"
        serving.put_item(
            Item={"pk": "prod", "sk": f"incident#{at}#repair-0", "opened_at": at, "began_at": at}
        )
        return "i-2"

    monkeypatch.setattr("twin.control.break_", lose)
    return outcomes


def test_one_loss_reported_twice_is_one_repair(
    stage: story.Stage, outage: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outage += ["repaired", "skipped"]
    said: list[str] = []
    monkeypatch.setattr(Screen, "say", lambda _, sentence: said.append(sentence))

    assert story._outage(stage) == 0

    assert [one for one in said if "a repair has begun" in one] == ["a repair has begun: repair-0"]
    assert any("EC2 reports one loss more than once" in one for one in said)


def test_a_second_repair_is_a_miss(stage: story.Stage, outage: list[str]) -> None:
    outage += ["repaired", "repaired"]

    with pytest.raises(story.Missed, match="one repair was expected"):
        story._outage(stage)


def test_no_repair_in_time_is_a_miss(
    stage: story.Stage, outage: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outage += ["skipped"]
    monkeypatch.setitem(story.REPAIR_SECONDS, "stub", 0.2)

    with pytest.raises(Late, match=r"the repair of i-2 took longer than 0\.2 s"):
        story._outage(stage)


def test_a_leftover_is_a_miss_even_if_the_teardown_says_none(
    stage: story.Stage,
    workflows: Workflows,
    script: type[Scripting],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workflows.scripts["teardown"] = script.of(output={"name": "prod", "left": 0})
    monkeypatch.setattr("twin.control.inventory", lambda _state_dir: ["vpc vpc-1"])

    with pytest.raises(story.Missed, match="vpc vpc-1"):
        story._teardown(stage)


def test_a_wrong_answer_is_a_miss(stage: story.Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamplighter.commands.key.read", lambda *_: "sk-x")
    monkeypatch.setattr("lamplighter.demo.chat.ask", lambda *_: "something else")

    with pytest.raises(story.Missed, match="is wrong: 'something else'"):
        story._chat(stage, "Who are you?")


def test_a_limit_that_was_swallowed_comes_again() -> None:
    with pytest.raises(Late, match="the loop took"), within(0.1, "the loop"):
        _swallow_once()


def test_a_limit_inside_another_gives_the_outer_one_back() -> None:
    with pytest.raises(Late, match="the outer took"):
        _nested()


@pytest.fixture
def engine() -> Iterator[str]:
    """The origin of a running stub engine."""
    port = free_port()
    command = ["-m", "twin.engines.stub", "--port", str(port), "--model", "m"]
    with subprocess.Popen([sys.executable, *command]) as process:
        _await_port(port)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def test_a_question_is_answered_piece_by_piece(engine: str) -> None:
    pieces: list[str] = []

    answer = chat.ask(engine, "sk-x", "m", "Who are you?", pieces.append)

    assert "Who are you?" in answer
    assert "".join(pieces) == answer
    assert len(pieces) > 5


@pytest.mark.twin
def test_the_demo_ends_at_sigterm_and_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lamplighter.demo", "--state-dir", str(tmp_path / "demo")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        next(line for line in process.stderr if re.match("local AWS: http", line))
        twin = record.load(tmp_path / "demo")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)

    assert process.returncode == 130
    assert [name for name, one in twin.processes.items() if started_at(one.pid) == one.start] == []


def _nested() -> None:
    with within(0.3, "the outer"):
        with within(5, "the inner"):
            pass
        time.sleep(1)


def _swallow_once() -> None:
    with suppress(Late):
        time.sleep(10)
    time.sleep(10)


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(port)
