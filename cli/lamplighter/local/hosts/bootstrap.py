"""What user_data does on a real instance: fetch the scripts, prove them, put them in place.

Only the four settings of user_data are read; its bash is not run, because it installs packages and
replaces /opt. A host whose scripts do not prove right stays off and silent, as a real one would.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

_SETTING = re.compile(r"^(REGION|BUCKET|PREFIX|SUMS)=(\S+)$", re.MULTILINE)
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_NAMES = {"REGION", "BUCKET", "PREFIX", "SUMS"}
_MANIFEST = "SHA256SUMS"
Download = Callable[[str, str, Path], None]


class Integrity(Exception):
    """The scripts are not the ones that this instance was launched with."""


def fetch(user_data: str, folder: Path, download: Download) -> None:
    """Fill `folder` with the proved scripts; raise Integrity and leave it empty otherwise.

    download(bucket, key, target) fetches one object.
    """
    settings = dict(_SETTING.findall(user_data))
    if missing := _NAMES - settings.keys():
        raise Integrity(f"user_data does not set {', '.join(sorted(missing))}")
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    manifest = new / _MANIFEST
    download(settings["BUCKET"], f"{settings['PREFIX']}/{_MANIFEST}", manifest)
    _prove(manifest, settings["SUMS"])
    for digest, name in _entries(manifest):
        download(settings["BUCKET"], f"{settings['PREFIX']}/{name}", new / name)
        _prove(new / name, digest)
    new.rename(folder)


def _entries(manifest: Path) -> list[tuple[str, str]]:
    """(digest, relative path) of each line; raise Integrity for a line that is none."""
    entries = []
    for line in manifest.read_text(encoding="utf-8").splitlines():
        found = _LINE.fullmatch(line)
        if not found or ".." in Path(found[2]).parts or Path(found[2]).is_absolute():
            raise Integrity(f"{_MANIFEST} has a line that names no file: {line!r}")
        entries.append((found[1], found[2]))
    return entries


def _prove(path: Path, digest: str) -> None:
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise Integrity(f"{path.name} is not the file that this instance was launched with")


def settings(path: Path) -> dict[str, str]:
    """deployment.env: KEY=value lines, values as they stand."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key: value.strip() for key, _, value in pairs}
