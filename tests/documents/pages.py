"""The documents that a reader meets, and what is inside them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OWN = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
PAGES = sorted(DOCS.glob("*.md"))
DOCUMENTS = [*OWN, *PAGES]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the fenced blocks as (language, text)."""
    return _FENCE.findall(text)


def without_blocks(text: str) -> str:
    return _FENCE.sub("", text)
