"""How nginx comes to drain: the agent asks, root acts, a failed reload changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from host.drain import nginx
from host.drain.nginx import PAUSE, RELOAD, SETTINGS, Nginx

if TYPE_CHECKING:
    from collections.abc import Sequence


class Host:
    """The agent's side with a clock that the test turns; root acts when act() is called."""

    def __init__(self, folder: Path) -> None:
        self.request, self.settings = folder / "drain", folder / "nginx-drain.conf"
        self.now = 0.0
        self.ran: list[tuple[str, ...]] = []
        self.problem: str | None = None
        self.nginx = Nginx(self.request, self.settings, lambda: self.now)

    def act(self) -> bool:
        return nginx.carry_out(self.request, self.settings, self._run)

    def _run(self, command: Sequence[str]) -> str | None:
        self.ran.append(tuple(command))
        return self.problem


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def drains(host: Host) -> None:
    """Let root have done it."""
    host.request.write_text('{"drain": true}')
    assert host.act()
    host.ran.clear()


def test_nginx_drains_and_serves_again_by_a_reload_each(host: Host) -> None:
    host.nginx.drain(wanted=True)
    assert host.act()
    there = host.settings.read_text()
    host.now += PAUSE
    host.nginx.drain(wanted=False)
    assert host.act()

    assert there == SETTINGS
    assert not host.settings.exists()
    assert not host.request.exists()
    assert host.ran == [RELOAD, RELOAD]


def test_nothing_is_asked_for_what_is_so_already(host: Host) -> None:
    host.nginx.drain(wanted=False)
    assert not host.request.exists()

    drains(host)  # the agent was restarted
    host.nginx.drain(wanted=True)
    assert not host.request.exists()


def test_a_reload_that_fails_changes_nothing_and_is_tried_again_after_a_pause(host: Host) -> None:
    host.problem = "nginx.service is not active"
    host.nginx.drain(wanted=True)
    assert not host.act()
    assert not host.settings.exists()

    host.now += PAUSE - 1
    host.nginx.drain(wanted=True)
    early = host.request.exists()
    host.now += 1
    host.nginx.drain(wanted=True)

    assert (early, host.request.exists()) == (False, True)


def test_a_request_for_what_is_so_already_reloads_nothing(host: Host) -> None:
    drains(host)
    host.request.write_text('{"drain": true}')

    assert host.act()
    assert host.ran == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"drain": "yes"}', json.dumps({"drain": "x" * 5000})]
)
def test_a_request_for_anything_else_is_taken_and_refused(host: Host, text: str) -> None:
    host.request.write_text(text)

    assert not host.act()
    assert not host.request.exists()
    assert host.ran == []


def test_a_request_that_is_a_link_is_not_followed(host: Host, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text('{"drain": true}')
    host.request.symlink_to(target)

    assert not host.act()
    assert (target.exists(), os.path.lexists(host.request)) == (True, False)


def test_without_an_nginx_nothing_is_asked(tmp_path: Path) -> None:
    Nginx(None, None, lambda: 0.0).drain(wanted=True)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_does_not_end_the_agent(tmp_path: Path) -> None:
    Nginx(tmp_path / "absent" / "drain", tmp_path / "conf", lambda: 0.0).drain(wanted=True)
