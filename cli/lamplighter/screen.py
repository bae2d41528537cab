"""Where words go: answers to stdout, progress and errors to stderr, colours to terminals."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# A pipe has no width: lines must not be folded or cut for it.
_PIPE_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
class Screen:
    """The two streams. json: one document on stdout, JSON lines on stderr."""

    out: Console
    err: Console
    json: bool

    @classmethod
    def open(cls, *, json: bool, color: bool) -> Self:
        return cls(out=_console(sys.stdout, color), err=_console(sys.stderr, color), json=json)

    @property
    def live(self) -> bool:
        """Whether progress may be redrawn in place."""
        return self.err.is_terminal and not self.err.is_dumb_terminal and not self.json

    def answer(self, document: Mapping[str, Any], *lines: RenderableType) -> None:
        """Print the document for machines, or the lines for people."""
        if self.json:
            self._raw(self.out, json.dumps(document))
        else:
            for line in lines:
                self._print(line)

    def _print(self, line: RenderableType) -> None:
        if self.out.is_terminal:
            self.out.print(line, soft_wrap=isinstance(line, Text))
            return
        with self.out.capture() as drawn:
            self.out.print(line)
        for unpadded in drawn.get().splitlines():
            self._raw(self.out, unpadded.rstrip())

    def say(self, sentence: str) -> None:
        """Print one line of progress."""
        if self.json:
            self.event({"say": sentence})
        else:
            self.err.print(plain(sentence), soft_wrap=True)

    @contextmanager
    def busy(self, sentence: str) -> Iterator[None]:
        """Show that something takes its time."""
        if self.live:
            with self.err.status(plain(sentence)):
                yield
        else:
            self.say(sentence)
            yield

    def problem(self, sentence: str) -> None:
        """Print why the command failed."""
        named = plain("lamplighter: ", "bold red").append_text(plain(sentence))
        self.err.print(named, soft_wrap=True)

    def event(self, document: Mapping[str, Any]) -> None:
        """Print progress for machines."""
        self._raw(self.err, json.dumps(document))

    @staticmethod
    def _raw(console: Console, line: str) -> None:
        console.file.write(line + "\n")
        console.file.flush()


def plain(text: str, style: str = "") -> Text:
    """Return text without markup; control characters of foreign text cannot reach the terminal."""
    return Text("".join(c if c.isprintable() or c == "\n" else " " for c in text), style=style)


def moment(at: str) -> str:
    """Return an ISO-8601 UTC time to the second, as people read it; empty for none."""
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%SZ}" if at else ""


def table(*headings: str, rows: Iterable[Iterable[str | Text]]) -> Table:
    """Return rows under headings, without frames."""
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    return drawn


def _console(stream: TextIO, color: bool) -> Console:  # noqa: FBT001 private
    terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=terminal,  # FORCE_COLOR must not colour a file
        color_system="auto" if terminal and color else None,
        width=None if terminal else _PIPE_WIDTH,
        markup=False,
        highlight=False,
    )
