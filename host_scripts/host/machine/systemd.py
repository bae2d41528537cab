"""Read what systemctl and journalctl print."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from host.machine.commands import Unanswered, ask
from host.machine.masking import masked

_SECONDS = 10  # for one command
_MOST = 8 * 1024 * 1024  # bytes of what it prints: hundreds of long lines of a journal
_LONGEST = 600  # characters of a cause
_LINE = 4000  # characters of a line that are looked at
_ERROR = re.compile(r"\w{1,60}Error\b|out of memory|\berror:", re.IGNORECASE)


def parse(shown: str) -> list[dict[str, str]]:
    """Read `systemctl show`: one block of Key=value lines a unit, an empty line between."""
    blocks = (block.splitlines() for block in shown.strip().split("\n\n") if block.strip())
    return [dict(line.split("=", 1) for line in block if "=" in line) for block in blocks]


def entries(journal: str) -> list[tuple[str, str]]:
    """Read `journalctl --output=json`, an object a line; a damaged one is left out."""
    found = []
    for line in journal.split("\n"):
        try:
            entry = json.loads(line)
            found.append((str(entry["_SYSTEMD_INVOCATION_ID"]), _text(entry["MESSAGE"]).strip()))
        except (ValueError, KeyError, TypeError):
            continue
    return [(run, text[:_LINE]) for run, text in found if text]


def _text(message: Any) -> str:
    """A message that is not UTF-8 comes as a list of bytes."""
    return bytes(message).decode(errors="replace") if isinstance(message, list) else str(message)


def cause(said: Sequence[str]) -> str:
    """Return the last three lines that name an error, else the last three; secrets masked."""
    errors = [line for line in said if _ERROR.search(line)] or list(said)
    return masked(" | ".join(errors[-3:]))[:_LONGEST] or "its journal is empty"


def run(command: Sequence[str]) -> str:
    """Return what the command printed; nothing on a machine without systemd."""
    try:
        return ask(command, _SECONDS, _MOST).out
    except Unanswered:
        return ""
