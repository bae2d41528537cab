"""Local repair: who asks, who acts, and where it ends."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from host.agent import mender, repairs
from host.agent.mender import Mender
from host.agent.phases import State
from host.machine import requests
from host.machine.commands import failure

if TYPE_CHECKING:
    from collections.abc import Sequence

HANGS = State("unhealthy", cause="the engine hangs", mends="engine", urgent=True)
DEAD = State("unhealthy", cause="502", mends="gateway")
PATIENCE = 30.0  # seconds for systemd's own restart


class Host:
    """The agent's side with a clock that the test turns; root acts when act() is called."""

    def __init__(self, folder: Path) -> None:
        self.request, self.done = folder / "repair", folder / "repairs"
        self.now = 10_000.0
        self.ran: list[list[str]] = []
        self.problem: str | None = None
        self.mender = Mender(self.request, self.done, PATIENCE, lambda: self.now)

    def looks(self, state: State, seconds: float = 0) -> State:
        until = self.now + seconds
        told = self.mender.mend(state)
        while self.now < until:
            self.now += 0.5
            told = self.mender.mend(state)
        return told

    def act(self) -> bool:
        return repairs.carry_out(self.request, self.done, self.now, self._run)

    def _run(self, command: Sequence[str]) -> str | None:
        self.ran.append(list(command))
        return self.problem


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_hanging_engine_is_started_again_at_once_by_a_kill(host: Host) -> None:
    assert host.looks(HANGS) == HANGS
    assert host.act()

    assert host.ran == [
        ["docker", "kill", "vllm-0"],
        ["systemctl", "reset-failed", "vllm@0.service"],
        ["systemctl", "restart", "vllm@0.service"],
    ]
    assert not host.request.exists()
    [done] = json.loads(host.done.read_text())
    assert done == {"part": "engine", "at": 10_000.0, "why": "the engine hangs"}


def test_what_systemd_starts_again_by_itself_is_given_time(host: Host) -> None:
    host.looks(DEAD, PATIENCE - 1)
    assert not host.request.exists()

    host.looks(DEAD, 2)
    assert json.loads(host.request.read_text())["part"] == "gateway"


def test_b14_a_host_that_is_well_or_loads_is_never_touched(host: Host) -> None:
    loading = State("loading", cause="refused", mends="engine", urgent=True)
    for state in (State("serving"), State("booting"), loading, replace(DEAD, mends=None)):
        host.looks(state, 7200)

    assert not host.request.exists()
    assert not host.done.exists()


def test_an_outage_that_ended_starts_the_patience_anew(host: Host) -> None:
    for _ in range(10):
        host.looks(DEAD, PATIENCE - 1)
        host.looks(State("serving"))

    assert not host.request.exists()


def test_a_repair_is_given_time_to_show(host: Host) -> None:
    host.looks(HANGS)
    host.act()
    host.looks(HANGS, mender.PAUSE - 1)
    assert not host.request.exists()

    host.looks(HANGS, 2)
    assert host.request.exists()


def test_three_repairs_in_half_an_hour_that_did_not_help_are_a_failure(host: Host) -> None:
    for _ in range(repairs.MOST):
        assert host.looks(HANGS, mender.PAUSE).phase == "unhealthy"
        assert host.act()

    told = host.looks(HANGS, mender.PAUSE)

    assert told.phase == "failed"
    assert told.cause == "the engine hangs; 3 local repairs in half an hour did not help"
    assert not host.request.exists()


def test_root_counts_for_itself(host: Host) -> None:
    for _ in range(repairs.MOST):
        requests.leave(host.request, {"part": "engine", "why": "why"})
        assert host.act()
    so_far = len(host.ran)
    requests.leave(host.request, {"part": "engine", "why": "why"})

    assert not host.act()
    assert len(host.ran) == so_far
    assert not host.request.exists()


def test_half_an_hour_later_it_is_tried_again(host: Host) -> None:
    for _ in range(repairs.MOST):
        host.looks(HANGS, mender.PAUSE)
        host.act()
    host.now += repairs.WITHIN

    assert host.looks(HANGS).phase == "unhealthy"
    assert host.act()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '"engine"', "{}", '{"part": "sshd"}', '{"part": "engine; reboot"}',
     '{"part": ["engine"]}', '{"part": null}', "\x00" * 9000],
)  # fmt: skip
def test_a_request_for_anything_else_is_taken_and_refused(host: Host, text: str) -> None:
    host.request.write_text(text)

    assert not host.act()
    assert host.ran == []
    assert not host.request.exists()
    assert not host.done.exists()


def test_no_link_is_followed_and_no_pipe_awaited(host: Host, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"part": "engine"}')
    host.request.symlink_to(secret)
    assert not host.act()
    os.mkfifo(host.request)
    assert not host.act()

    assert host.ran == []
    assert secret.exists()
    assert not os.path.lexists(host.request)


def test_a_restart_that_fails_is_no_success_and_counts(host: Host) -> None:
    host.looks(HANGS)
    host.problem = "Job failed"

    assert not host.act()
    assert len(repairs.recent(host.done, host.now)) == 1


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"part": "engine"}]', '[{"at": "x"}]', "null"])
def test_a_record_that_cannot_be_read_says_nothing(host: Host, text: str) -> None:
    host.done.write_text(text)

    assert repairs.recent(host.done, host.now) == []


def test_the_record_is_for_everybody_to_read(host: Host) -> None:
    host.looks(HANGS)
    host.act()

    assert host.done.stat().st_mode & 0o777 == 0o644


def test_a_request_that_cannot_be_written_is_said_and_survived(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    away = Mender(host.request.parent / "absent" / "repair", host.done, PATIENCE, lambda: host.now)

    assert away.mend(HANGS) == HANGS
    assert "repair not asked for part=engine" in caplog.text


def test_without_its_files_nothing_is_repaired(host: Host) -> None:
    assert Mender(None, None, PATIENCE, lambda: host.now).mend(HANGS) == HANGS


def test_a_command_says_why_it_failed() -> None:
    assert failure(["true"], 10) is None
    assert failure(["sh", "-c", "echo no such unit >&2; exit 5"], 10) == "no such unit"
    assert failure(["sh", "-c", "exit 5"], 10) == "exit 5"
    assert failure(["/absent/systemctl"], 10) == "this machine has no /absent/systemctl"
