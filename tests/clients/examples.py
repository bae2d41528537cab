"""The examples of docs/clients.md: the suites run them as they stand there.

They read ENDPOINT, KEY and MODEL from the environment; the page's first block sets these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from documents.pages import DOCS, blocks

if TYPE_CHECKING:
    from clients.lab import Lab

PAGE = DOCS / "clients.md"
_SECTION = re.compile(r"^## ", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """`section`: the heading above it; that of the page's first block is empty."""

    section: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.section}: {self.text.splitlines()[1]}"


def examples() -> list[Example]:
    first, *sections = _SECTION.split(PAGE.read_text())
    titled = [("", first), *((section.partition("\n")[0], section) for section in sections)]
    return [Example(title, *block) for title, text in titled for block in blocks(text)]


def example(section: str) -> str:
    """Return the first one under this heading."""
    return next(each.text for each in examples() if each.section == section)


def environment(lab: Lab) -> dict[str, str]:
    return {"ENDPOINT": lab.url, "KEY": lab.key, "MODEL": "tiny"}
