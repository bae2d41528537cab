"""What may be shown: JSON types, no secrets, bounded length, no terminal control characters."""

from __future__ import annotations

import json
import math
import re
from itertools import islice
from typing import Any

from host.machine.masking import masked

DOCUMENT = 1024 * 1024  # bytes
LINES, LINE = 100, 2000  # of one text; characters of a line
_ITEMS, _DEEPEST = 200, 12  # of a list, or an object
_TEXT, _LEAST = 256 * 1024, 256  # bytes of one text: more than it can have, and the fewest left

_ANSI = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_HALF_A_KEY = re.compile(r"\A(?:(?!-----BEGIN ).)*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


def safe(value: Any, depth: int = 0) -> Any:
    """Return the value without secrets and within bounds; a text of several lines as their list."""
    if depth > _DEEPEST:
        return "(too deep to be shown)"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        pairs = islice(value.items(), _ITEMS)
        return {_line(_plain(str(key))): safe(each, depth + 1) for key, each in pairs}
    if isinstance(value, (list, tuple)):
        return [safe(each, depth + 1) for each in value[-_ITEMS:]]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (bool, int, float, type(None))) else _text(str(value))


def one_line(text: str) -> str:
    """Return it safe, in one line."""
    return _line(_plain(text).strip().replace("\n", " | "))


def fitted(document: dict[str, Any]) -> str:
    """Return the document as JSON of a bounded size: its longest parts are cut, and say so."""
    budget = _TEXT
    while True:
        shown = {name: _shortened(part, budget) for name, part in document.items()}
        text = json.dumps(shown, indent=1)
        if len(text) <= DOCUMENT:
            return text
        if budget <= _LEAST:
            return _without_the_longest(shown)
        budget //= 2


def _text(text: str) -> str | list[str]:
    lines = [_line(line) for line in _plain(text).strip("\n").split("\n")]
    left_out = len(lines) - LINES
    if left_out > 0:
        return [f"({left_out} earlier lines are left out)", *lines[left_out:]]
    return lines if len(lines) > 1 else lines[0]


def _plain(text: str) -> str:
    """Escape sequences are removed first: they may split a secret."""
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return masked(_HALF_A_KEY.sub("(the end of a private key)", text))


def _line(text: str) -> str:
    return text if len(text) <= LINE else f"{text[:LINE]} ({len(text) - LINE} more characters)"


def _shortened(value: Any, budget: int) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(each, budget) for key, each in value.items()}
    if not isinstance(value, list):
        cut = isinstance(value, str) and len(value) > budget
        return f"{value[:budget]} (cut)" if cut else value
    kept: list[Any] = []
    size = 0
    for each in reversed(value):
        size += len(json.dumps(each))
        if size > budget:
            left_out = len(value) - len(kept)
            return [f"(cut: {left_out} earlier lines or items are left out)", *reversed(kept)]
        kept.append(_shortened(each, budget))
    return kept[::-1]


def _without_the_longest(document: dict[str, Any]) -> str:
    """Leave out the longest parts: many short ones can be too long together."""
    shown = dict(document)
    for name in sorted(shown, key=lambda name: len(json.dumps(shown[name])), reverse=True):
        size = len(json.dumps(shown[name]))
        shown[name] = {"problem": f"left out: its {size} bytes made the document too long"}
        text = json.dumps(shown, indent=1)
        if len(text) <= DOCUMENT:
            break
    return text
