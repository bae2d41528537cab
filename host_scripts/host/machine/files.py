"""Files of this machine: read the end only, following no link; write whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from host.machine.commands import Unanswered, decoded

_MOST = 64 * 1024  # bytes
GATEWAYS = 0o640  # a mode: the group is the gateway's, by the folder's setgid bit
PUBLIC = 0o644


def tail(path: Path) -> str | None:
    """Return its end, or None when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Unanswered(f"{path} is no ordinary file")
        file.seek(max(0, found.st_size - _MOST))
        return decoded(file.read(_MOST), cut=found.st_size > _MOST)


def document(path: Path) -> Any:
    """Return what its JSON says, or None when there is no such file."""
    text = tail(path)
    if text is None:
        return None
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError) as error:
        return {"problem": f"{path} is no JSON: {error}", "text": text}


def write(file: Path, content: str, mode: int = GATEWAYS) -> None:
    """Replace the file whole or not at all."""
    descriptor, new = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with open(descriptor, "w", encoding="ascii") as beside:  # noqa: PTH123 - a descriptor
            os.fchmod(descriptor, mode)
            beside.write(content)
            beside.flush()
            os.fsync(descriptor)
        Path(new).replace(file)
    except BaseException:
        Path(new).unlink()
        raise
