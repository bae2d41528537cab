"""Where words go: answers to stdout, progress and errors to stderr, colours to terminals."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TextIO

from rich.console import Console
from rich.style import Style
from rich.text import Text

from lamplighter.screens.layout import Block, Facts, Listing, wrapped

# A pipe has no width: lines must not be folded or cut for it.
_PIPE_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
class Screen:
    """The two streams. json: one document on stdout, JSON lines on stderr.

    repeated: completes the command lines in a text (command_line/command_lines.py). Every method
    raises BrokenPipeError when the reader went away.
    """

    out: Console
    err: Console
    json: bool
    repeated: Callable[[str], str] = str

    @classmethod
    def open(cls, *, json: bool, color: bool, repeated: Callable[[str], str] = str) -> Self:
        out, err = _console(sys.stdout, color), _console(sys.stderr, color)
        return cls(out=out, err=err, json=json, repeated=repeated)

    @property
    def live(self) -> bool:
        """Whether progress may be redrawn in place."""
        return self.err.is_terminal and not self.err.is_dumb_terminal and not self.json

    def answer(self, document: Mapping[str, Any], *lines: Text | Block) -> None:
        """Print the document for machines, or the lines for people."""
        if self.json:
            self._raw(self.out, json.dumps(self._completed(document)))
        else:
            self.show(*lines)

    def show(self, *lines: Text | Block) -> None:
        """Print lines for people on stdout."""
        for block in lines:
            drawn = [self._complete(block)] if isinstance(block, Text) else self._drawn(block)
            for line in drawn:
                self._print(line)

    def _drawn(self, block: Block) -> Iterable[Text]:
        return block.mapped(self._complete).lines(self.out.width)

    def _print(self, line: Text) -> None:
        if self.out.is_terminal:
            self.out.print(line, soft_wrap=True)
        else:
            self._raw(self.out, line.plain.rstrip())

    def _complete(self, text: Text) -> Text:
        """Complete the command lines of a text; its parts keep their styles."""
        if self.repeated(text.plain) == text.plain:
            return text
        if not text.spans:
            return Text(self.repeated(text.plain), style=text.style)
        parts = text.divide(sorted({at for span in text.spans for at in (span.start, span.end)}))
        return Text.assemble(*((self.repeated(one.plain), _style(one)) for one in parts))

    def _completed(self, found: Any) -> Any:
        """Complete the command lines of a document."""
        match found:
            case str():
                return self.repeated(found)
            case dict():
                return {name: self._completed(value) for name, value in found.items()}
            case list() | tuple():
                return [self._completed(one) for one in found]
        return found

    def say(self, sentence: str) -> None:
        """Print one line of progress."""
        if self.json:
            self.event({"say": sentence})
        else:
            self.err.print(plain(self._fit(sentence)), soft_wrap=True)

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
        named = plain(self._fit(f"lamplighter: {sentence}"))
        named.stylize("bold red", 0, len("lamplighter: "))
        self.err.print(named, soft_wrap=True)

    def _fit(self, sentence: str) -> str:
        """Return the sentence for stderr: command lines completed, wrapped for a terminal."""
        said = self.repeated(sentence)
        return "\n".join(wrapped(said, self.err.width)) if self.err.is_terminal else said

    def event(self, document: Mapping[str, Any]) -> None:
        """Print progress for machines."""
        self._raw(self.err, json.dumps(self._completed(document)))

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


def table(
    *headings: str, rows: Iterable[Iterable[str | Text]], prose: Iterable[str] = ()
) -> Listing:
    """Return rows under headings. prose: the headings whose cells may be wrapped."""
    cells = [[cell if isinstance(cell, Text) else plain(cell) for cell in row] for row in rows]
    return Listing(headings, cells, frozenset(prose))


def facts(named: Iterable[tuple[str, str | Text]]) -> Facts:
    """Return one labelled line per fact; what is empty is left out."""
    return Facts(
        [(plain(name, "dim"), one if isinstance(one, Text) else plain(one)) for name, one in named]
    )


def _style(part: Text) -> str | Style:
    """Return the style of a part that no span begins or ends in."""
    return part.spans[0].style if part.spans else part.style


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to command_line/boundary.py: rich would end the process with 1."""
        self.quiet = True
        raise BrokenPipeError


def _console(stream: TextIO, color: bool) -> Console:  # noqa: FBT001 private
    terminal = stream.isatty()
    return _Console(
        file=stream,
        force_terminal=terminal,  # FORCE_COLOR must not colour a file
        color_system="auto" if terminal and color else None,
        width=None if terminal else _PIPE_WIDTH,
        markup=False,
        highlight=False,
    )
