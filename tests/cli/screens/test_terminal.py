"""What only a terminal gets: colours, and progress that is redrawn. The terminal is a real pty."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TextIO

import pytest
from lamplighter.aws.executions import Change
from lamplighter.screens import live
from lamplighter.screens.screen import Screen

if TYPE_CHECKING:
    from clilab.fixture_types import Shown

ENTERED = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def on_terminal() -> Shown:
    """Run a command line with stderr on a pty; return what the terminal received."""

    def run(*arguments: str, **environment: str) -> str:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "lamplighter", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm-256color"} | environment,
        ):
            os.close(theirs)
            return _drained(ours).decode()

    return run


def test_an_error_is_coloured_on_a_terminal(on_terminal: Shown) -> None:
    assert "\x1b[" in on_terminal("plan", "gone.yaml")


def test_no_color_is_obeyed_on_a_terminal(on_terminal: Shown) -> None:
    shown = on_terminal("plan", "gone.yaml", NO_COLOR="1")

    assert "gone.yaml: cannot be read" in shown
    assert "\x1b[" not in shown


def test_a_pipe_gets_no_colours_even_when_they_are_forced() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lamplighter", "plan", "gone.yaml"],
        capture_output=True,
        check=False,
        env=os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
    )

    assert done.returncode == 2
    assert b"\x1b" not in done.stderr


@dataclass
class Terminal:
    """A screen on a pty of 100 columns; seen: what it has shown so far."""

    screen: Screen
    stream: TextIO
    pty: int
    seen: bytes = b""

    def until(self, text: str) -> None:
        """Wait until the screen has shown this."""
        while text.encode() not in self.seen:
            assert select.select([self.pty], [], [], 20)[0], f"{text!r} is not in {self.seen!r}"
            self.seen += os.read(self.pty, 65536)

    def shown(self) -> str:
        """Return all that it has shown once it is done."""
        self.stream.close()
        return (self.seen + _drained(self.pty)).decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = os.fdopen(theirs, "w", encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", stream)

    return Terminal(Screen.open(json=False, color=True), stream, ours)


def test_progress_is_redrawn_in_place_with_seconds_and_the_hosts_phase(
    terminal: Terminal,
) -> None:
    with live.view(terminal.screen) as view:
        view.change(Change("entered", "EnsureNetwork", ENTERED))
        view.change(Change("left", "EnsureNetwork", ENTERED + timedelta(seconds=3)))
        view.change(Change("entered", "AwaitServing", datetime.now(UTC)))
        view.phase(live.Phase("loading", 50, ""))
        terminal.until("loading 50 %")
        terminal.until("\x1b[1A")

    seen = terminal.shown()

    assert "EnsureNetwork 3.0 s" in seen
    assert "━" * 10 + "─" * 10 + " loading 50 %" in seen


def test_a_step_that_failed_for_good_is_marked_when_the_next_one_begins(
    terminal: Terminal,
) -> None:
    with live.view(terminal.screen) as view:
        view.change(Change("entered", "EnsureDns", ENTERED))
        view.change(Change("failing", "EnsureDns", ENTERED, "Refused: no such zone"))
        view.change(Change("entered", "ReportFailure", ENTERED + timedelta(seconds=2)))

    seen = terminal.shown()

    assert "✗" in seen
    assert "EnsureDns     2.0 s" in seen
    assert "Refused: no such zone" in seen


def test_a_long_note_cuts_no_name_and_is_shown_to_its_end(terminal: Terminal) -> None:
    note = "Superseded: " + "a sentence that is longer than the terminal is wide, " * 3 + "i-0123"
    with live.view(terminal.screen) as view:
        view.change(Change("entered", "ValidateDeployment", ENTERED))
        view.change(Change("left", "ValidateDeployment", ENTERED + timedelta(seconds=3)))
        view.change(Change("entered", "EnsureDns", ENTERED))
        view.change(Change("failing", "EnsureDns", ENTERED, note))

    seen = terminal.shown()

    assert "ValidateDeployment 3.0 s" in seen
    assert "i-0123" in seen
    assert "…" not in seen


def _drained(terminal: int) -> bytes:
    received = b""
    try:
        while piece := os.read(terminal, 65536):
            received += piece
    except OSError:  # Linux's end of a pty
        pass
    os.close(terminal)
    return received
