from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

import boto3
import pytest
from lamplighter.command_line.options import state_dir
from lamplighter.faults import FAULTS
from twin import control as twins
from twin import processes
from twin.engines import vllm
from twin.faults import breaking
from twin.record import Process, Twin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clilab.fixture_types import Run
    from mypy_boto3_dynamodb.service_resource import Table


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
    remedy = f"run `lamplighter --state-dir {state} local up`"
    assert f"the local twin is not up: {remedy}" in result.stderr


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

    assert (result.exit_code, json.loads(result.stdout)) == (5, {"up": False})


def test_down_of_no_twin_is_already_done(lamplighter: Run, tmp_path: Path) -> None:
    assert lamplighter("--state-dir", str(tmp_path), "local", "down").exit_code == 0


@pytest.fixture
def instances(ledger: Table, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let an instance run for each of these deployments; return their ids."""
    variables = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                 "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": ""}  # fmt: skip
    monkeypatch.setattr("twin.control.environment", lambda _: variables)
    monkeypatch.setattr("twin.record.load", lambda state: Twin(state, 1, "stub"))
    monkeypatch.setattr(
        breaking, "clients_of", lambda _: partial(boto3.client, region_name="us-east-1")
    )

    def run(*deployments: str) -> list[str]:
        ec2 = boto3.client("ec2", region_name="us-east-1")
        image = ec2.describe_images()["Images"][0]["ImageId"]
        return [
            ec2.run_instances(
                ImageId=image, MinCount=1, MaxCount=1,
                TagSpecifications=[{"ResourceType": "instance", "Tags": [
                    {"Key": "lamplighter:deployment", "Value": name}]}],
            )["Instances"][0]["InstanceId"]
            for name in deployments
        ]  # fmt: skip

    return run


def test_break_of_one_of_several_asks_which_and_names_them(
    lamplighter: Run, instances: Callable[..., list[str]]
) -> None:
    first, second = instances("demo", "prod")

    refused = lamplighter("local", "break", "stop")
    stopped = lamplighter("local", "break", "stop", "--deployment", "prod")

    assert refused.exit_code == 2
    assert f"several instances run ({first} of demo, {second} of prod)" in refused.stderr
    assert "choose with --deployment" in refused.stderr
    assert stopped.stdout == f"{second}: stop\n"


def test_break_of_nothing_says_what_there_is(
    lamplighter: Run, instances: Callable[..., list[str]]
) -> None:
    nothing = lamplighter("local", "break", "stop")
    instances("demo")
    another = lamplighter("local", "break", "stop", "--deployment", "prod")

    assert (nothing.exit_code, another.exit_code) == (3, 3)
    assert "run `lamplighter --local up examples/demo.yaml`" in nothing.stderr
    assert "'prod' has no running instance, these have: demo" in another.stderr


@pytest.fixture
def running(state: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A twin with the stub engine runs; return the engines that it is started with from now on."""
    started: list[str] = []

    def up(engine: str, _say: object, state_dir: Path, port: int | None) -> Twin:
        started.append(engine)
        return Twin(state_dir, port or 4599, engine)

    emulator = Process(os.getpid(), processes.started_at(os.getpid()))
    Twin(state=state, port=4599, engine="stub").with_process("emulator", emulator).save()
    monkeypatch.setattr(twins, "up", up)
    return started


@pytest.mark.parametrize(
    ("installed", "loses"),
    [(False, "this installs vLLM for the CPU into"), (True, "this stops the running twin")],
)
def test_another_engine_on_a_running_twin_needs_consent(
    lamplighter: Run,
    state: Path,
    running: list[str],
    monkeypatch: pytest.MonkeyPatch,
    installed: bool,  # noqa: FBT001 a parameter of the test
    loses: str,
) -> None:
    monkeypatch.setattr(vllm, "is_installed", lambda _: installed)
    command = ("--state-dir", str(state), "local", "up", "--engine", "vllm")

    refused = lamplighter(*command)
    allowed = lamplighter(*command, "--yes")

    assert refused.exit_code == 2
    assert loses in refused.stderr
    assert "stops the running twin (http://127.0.0.1:4599, engine stub" in refused.stderr
    assert allowed.exit_code == 0, allowed.stderr
    assert running == ["vllm"]


def test_up_of_a_running_twin_keeps_its_engine_and_asks_nothing(
    lamplighter: Run, state: Path, running: list[str]
) -> None:
    result = lamplighter("--state-dir", str(state), "local", "up")

    assert result.exit_code == 0, result.stderr
    assert running == ["stub"]


@pytest.mark.parametrize(
    ("named", "folder"), [("/srv/state", "/srv/state"), ("", "HOME"), ("relative", "HOME")]
)
def test_the_twin_is_the_same_from_every_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str, folder: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", named)

    home = folder.replace("HOME", f"{tmp_path}/.local/state")
    assert str(state_dir()) == f"{home}/lamplighter/local"


def test_break_knows_the_faults_of_the_list(lamplighter: Run) -> None:
    result = lamplighter("local", "break", "smash")

    assert result.exit_code == 2
    assert "'terminate', 'stop', 'spot', 'rebalance', 'retire', 'status-check'" in result.stderr
    assert "'clock-jump', 'spot-warning'" in result.stderr


def test_the_help_of_break_describes_each_fault(lamplighter: Run) -> None:
    shown = lamplighter("local", "break", "--help").stdout

    assert [each.name for each in FAULTS if f"  {each.name}" not in shown] == []
    assert "  gpu-lost      a GPU is gone and the engine fails." in shown


def test_an_option_of_another_fault_is_refused(
    lamplighter: Run, instances: Callable[..., list[str]]
) -> None:
    instances("demo")

    refused = lamplighter("local", "break", "stop", "--for", "5")

    assert refused.exit_code == 2
    assert "--for does not apply to stop" in refused.stderr
