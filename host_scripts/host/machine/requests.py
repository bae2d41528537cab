"""A request of the unprivileged agent to a program of root's: one JSON object in a file."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from host.machine.files import write

_LONGEST = 4096  # bytes of a request that are read

log = logging.getLogger("lamplighter.repair")


def leave(file: Path, request: dict[str, Any]) -> None:
    """Leave it, whole or not at all; raise OSError when it cannot be written."""
    write(file, json.dumps(request) + "\n")


def take(file: Path) -> dict[str, Any]:
    """Read and remove it. Its writer is not trusted: no link is followed, no pipe awaited."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        log.warning("request not read file=%s error=%s", file, error.strerror)
        file.unlink(missing_ok=True)
        return {}
    try:
        text = os.read(descriptor, _LONGEST)
    finally:
        os.close(descriptor)
        file.unlink()
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
