"""systemctl, journalctl and docker for the programs of a host: they show and move its services."""

from __future__ import annotations

import sys
from pathlib import Path

from twin.hosts import mailbox

_SEND = f'exec "{sys.executable}" -I -S "{mailbox.__file__}" "$host/mail" "$(basename "$0")" "$@"'
_SYSTEMCTL = f"""#!/bin/sh
host="$(dirname "$(dirname "$0")")"
[ "$1" = show ] && exec cat "$host/systemd/units"
{_SEND}
"""
_JOURNALCTL = """#!/bin/sh
host="$(dirname "$(dirname "$0")")"
[ "$1" = --unit ] || exit 0
[ ! -e "$host/systemd/$2.journal" ] || cat "$host/systemd/$2.journal"
"""
_DOCKER = f"""#!/bin/sh
host="$(dirname "$(dirname "$0")")"
{_SEND}
"""


def write(folder: Path) -> Path:
    """Write them for the host in this folder; return theirs, for its PATH."""
    (folder / "systemd").mkdir(exist_ok=True)
    shims = folder / "bin"
    shims.mkdir(exist_ok=True)
    for name, text in (
        ("systemctl", _SYSTEMCTL), ("journalctl", _JOURNALCTL), ("docker", _DOCKER),
    ):  # fmt: skip
        (shims / name).write_text(text, encoding="utf-8")
        (shims / name).chmod(0o755)
    return shims
