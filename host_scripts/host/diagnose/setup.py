"""How this host was set up: its settings, the set-up's progress, and whether files were changed."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from pathlib import Path
from typing import Any

from host.diagnose.gathering import gather
from host.diagnose.places import Places
from host.machine import files
from host.machine.commands import Unanswered
from host.machine.settings import parse

_SUMS = "SHA256SUMS"
_VERDICTS = ("verify.json", "certificate", "machine.json", "repairs")


def settings(places: Places) -> dict[str, str]:
    path = places.scripts / "deployment.env"
    if (text := files.tail(path)) is None:
        raise Unanswered(f"there is no {path}: fetch.py did not bring it")
    return parse(text)


def progress(places: Places) -> dict[str, Any]:
    """done: when the set-up ended; None until then."""
    done = places.state / "setup-done"
    ended = time.gmtime(done.stat().st_mtime) if done.exists() else None
    return {
        "phase": files.document(places.run / "phase"),
        "done": ended and time.strftime("%Y-%m-%dT%H:%M:%SZ", ended),
    }


def logs(places: Places) -> dict[str, Any]:
    """Return the end of each step's log, and of cloud-init's, which includes user_data's."""
    found = sorted((places.logs / "lamplighter").glob("*.log"))
    found.append(places.logs / "cloud-init-output.log")
    return gather({path.name: partial(files.tail, path) for path in found}, places.seconds / 2)


def verdicts(places: Places) -> dict[str, Any]:
    """Return the files in which our programs report; None for one not written since the boot."""
    ask = {name: partial(files.document, places.run / name) for name in _VERDICTS}
    return gather(ask, places.seconds / 2)


def integrity(places: Places) -> dict[str, list[str]]:
    """Return the files that differ from SHA256SUMS."""
    if (sums := files.tail(places.scripts / _SUMS)) is None:
        raise Unanswered(f"there is no {places.scripts / _SUMS}: fetch.py did not bring it")
    wanted = {name: digest for digest, _, name in (s.partition("  ") for s in sums.splitlines())}
    there = {
        str(path.relative_to(places.scripts)): path
        for path in places.scripts.rglob("*")
        if path.is_file() and path.name != _SUMS and "__pycache__" not in path.parts
    }
    same = wanted.keys() & there.keys()
    return {
        "changed": sorted(name for name in same if _digest(there[name]) != wanted[name]),
        "missing": sorted(wanted.keys() - there.keys()),
        "added": sorted(there.keys() - wanted.keys()),
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
