"""Tables and lists of facts that can be copied from a narrow terminal.

Only prose is wrapped, and only between words; an id, an address, a name, and a command in backticks
stay whole. A table that does not fit becomes one block of facts per row.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeAlias

from rich.cells import cell_len
from rich.text import Text

_GAP = 2
_COMMAND = re.compile(r"`[^`]*`")
_FIRM = "\u00a0"  # a space that textwrap does not break at


@dataclass(frozen=True, slots=True)
class Facts:
    """A label and a text per line; what is empty is left out."""

    rows: list[tuple[Text, Text]]

    def lines(self, width: int) -> Iterator[Text]:
        """Yield the lines for a terminal of so many columns."""
        rows = [(label, text) for label, text in self.rows if text.plain]
        indent = max((cell_len(label.plain) for label, _ in rows), default=0) + _GAP
        for label, text in rows:
            for number, line in enumerate(_wrapped(text, width - indent)):
                beside = Text() if number else label
                yield _line([beside, line], [indent - _GAP, 0])

    def mapped(self, change: Callable[[Text], Text]) -> Facts:
        return Facts([(label, change(text)) for label, text in self.rows])


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows under headings, without frames. prose: the headings whose cells may be wrapped."""

    headings: tuple[str, ...]
    rows: list[list[Text]]
    prose: frozenset[str] = field(default_factory=frozenset)

    def lines(self, width: int) -> Iterator[Text]:
        """Yield the lines for a terminal of so many columns."""
        widths = self._widths(width)
        if widths is None:
            yield from self._blocks(width)
            return
        yield _line([Text(heading, "bold") for heading in self.headings], widths)
        for row in self.rows:
            cells = (_wrapped(cell, size) for cell, size in zip(row, widths, strict=True))
            for parts in zip_longest(*cells, fillvalue=Text()):
                yield _line(list(parts), widths)

    def mapped(self, change: Callable[[Text], Text]) -> Listing:
        rows = [[change(cell) for cell in row] for row in self.rows]
        return Listing(self.headings, rows, self.prose)

    def _widths(self, width: int) -> list[int] | None:
        """Return the columns' widths; None when even wrapped prose does not fit."""
        columns = list(zip(*self.rows, strict=True)) or [() for _ in self.headings]
        headed = list(zip(self.headings, columns, strict=True))
        widths = [max([cell_len(head), *map(_natural, cells)]) for head, cells in headed]
        least = [
            max([cell_len(head), *map(_longest_word, cells)]) if head in self.prose else natural
            for (head, cells), natural in zip(headed, widths, strict=True)
        ]
        excess = sum(widths) + _GAP * (len(widths) - 1) - width
        while excess > 0:
            shrinkable = [n for n, low in enumerate(least) if widths[n] > low]
            if not shrinkable:
                return None
            widths[max(shrinkable, key=widths.__getitem__)] -= 1
            excess -= 1
        return widths

    def _blocks(self, width: int) -> Iterator[Text]:
        labels = [Text(heading.lower(), "dim") for heading in self.headings]
        for number, row in enumerate(self.rows):
            if number:
                yield Text()
            yield from Facts(list(zip(labels, row, strict=True))).lines(width)


Block: TypeAlias = Facts | Listing


def wrapped(text: str, width: int) -> list[str]:
    """Return the text's lines; longer words, and commands in backticks, stay in one piece."""
    firm = _COMMAND.sub(lambda found: found[0].replace(" ", _FIRM), text)
    pieces = [
        textwrap.wrap(line, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]
        for line in firm.splitlines() or [""]
    ]
    return [piece.replace(_FIRM, " ") for some in pieces for piece in some]


def _wrapped(text: Text, width: int) -> list[Text]:
    return [Text(line, style=text.style) for line in wrapped(text.plain, width)]


def _line(cells: list[Text], widths: list[int]) -> Text:
    line = Text()
    for cell, width in zip(cells, widths, strict=True):
        line.append_text(cell)
        line.append(" " * (width + _GAP - cell_len(cell.plain)))
    line.rstrip()
    return line


def _natural(cell: Text) -> int:
    return max((cell_len(line) for line in cell.plain.splitlines()), default=0)


def _longest_word(cell: Text) -> int:
    return max((cell_len(line) for line in wrapped(cell.plain, 1)), default=0)
