"""Shows a workflow while it runs: redrawn on a terminal, lines in a pipe, JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table

from lamplighter.aws.executions import Change
from lamplighter.screens.screen import Screen, plain

_BAR = 20
_EXACT_BELOW = 9.95


@dataclass(frozen=True, slots=True)
class Phase:
    """The host's phase while the workflow waits for it; percent of the phase, 0-100."""

    name: str
    percent: int | None
    cause: str

    def __str__(self) -> str:
        percent = "" if self.percent is None else f" {self.percent} %"
        return self.name + percent + (f": {self.cause}" if self.cause else "")


@dataclass(slots=True)
class Step:
    """A state of the workflow that was entered; note: why its last attempt failed."""

    name: str
    entered: datetime
    left: datetime | None = None
    failed: bool = False
    note: str = ""

    def took(self) -> str:
        """Return e.g. `0.4 s` or `83 s`; clocks may differ, so never less than nothing."""
        seconds = max(0.0, ((self.left or datetime.now(UTC)) - self.entered).total_seconds())
        return f"{seconds:.1f} s" if seconds < _EXACT_BELOW else f"{seconds:.0f} s"


class View(Protocol):
    """Three ways to show the same two things."""

    def change(self, change: Change) -> None: ...
    def phase(self, phase: Phase) -> None: ...


@contextmanager
def view(screen: Screen) -> Iterator[View]:
    """Yield the view that suits where stderr goes."""
    if screen.json:
        yield JsonLines(screen)
    elif screen.live:
        drawing = Drawing()
        with Live(
            get_renderable=drawing.render, console=screen.err, refresh_per_second=8, screen=False
        ):
            yield drawing
            drawing.steps.give_up(datetime.now(UTC))
    else:
        yield PlainLines(screen)


@dataclass(slots=True)
class Steps:
    """The steps so far, in the order in which they were entered."""

    all: list[Step] = field(default_factory=list)

    def apply(self, change: Change) -> Step | None:
        """Return the step that the change is about, brought up to date."""
        if change.kind == "entered":
            self.give_up(change.at)
            self.all.append(Step(change.step, change.at))
        step = next((one for one in reversed(self.all) if one.name == change.step), None)
        if step and change.kind == "left":
            step.left = change.at
        if step:
            step.note = change.note
        return step

    def give_up(self, at: datetime) -> None:
        """Close the steps that failed for good: Step Functions records no exit for them."""
        for step in self.all:
            if step.left is None and step.note:
                step.left, step.failed = at, True


@dataclass(slots=True)
class Drawing:
    """The terminal: all steps with their seconds, and the host's phase below the running one."""

    steps: Steps = field(default_factory=Steps)
    host: Phase | None = None

    def change(self, change: Change) -> None:
        self.steps.apply(change)
        if change.kind == "left":
            self.host = None

    def phase(self, phase: Phase) -> None:
        self.host = phase

    def render(self) -> RenderableType:
        width = max((len(step.name) for step in self.steps.all), default=0)
        drawn = [line for step in self.steps.all for line in _drawn(step, width)]
        if self.host is not None:
            drawn.append(plain(f"    {_bar(self.host.percent)}{self.host}", "cyan"))
        return Group(*drawn)


@dataclass(slots=True)
class PlainLines:
    """A pipe or a log: one line per change."""

    screen: Screen
    steps: Steps = field(default_factory=Steps)
    last: str = ""

    def change(self, change: Change) -> None:
        step = self.steps.apply(change)
        if step is None:
            return
        ending = {"entered": "", "left": f" done, {step.took()}"}
        self._say(step.name + ending.get(change.kind, f": {change.note}"))

    def phase(self, phase: Phase) -> None:
        self._say(f"  host: {phase}")

    def _say(self, line: str) -> None:
        if line != self.last:
            self.screen.say(line)
            self.last = line


@dataclass(slots=True)
class JsonLines:
    """Machines: one document per change."""

    screen: Screen
    last: Phase | None = None

    def change(self, change: Change) -> None:
        document = {"step": change.step, "change": change.kind, "at": change.at.isoformat()}
        self.screen.event(document | ({"note": change.note} if change.note else {}))

    def phase(self, phase: Phase) -> None:
        if phase != self.last:
            self.last = phase
            self.screen.event(
                {"phase": phase.name, "percent": phase.percent, "cause": phase.cause or None}
            )


def _drawn(step: Step, width: int) -> Iterator[RenderableType]:
    """Yield the step's line, its name in so many columns, and below it its note."""
    line = Table.grid(padding=(0, 1))
    line.add_row(_mark(step), f"{step.name:<{width}} {step.took()}")
    yield line
    if step.note:
        yield Padding(plain(step.note.replace("\n", " "), "dim"), (0, 0, 0, 4))


def _mark(step: Step) -> RenderableType:
    if step.left is None:
        return Spinner("dots", style="yellow")
    return plain("✗", "red") if step.failed else plain("✓", "green")


def _bar(percent: int | None) -> str:
    if percent is None:
        return ""
    filled = round(_BAR * min(max(percent, 0), 100) / 100)
    return "━" * filled + "─" * (_BAR - filled) + " "
