"""What user_data does on a real instance: fetch the scripts, prove them, put them in place.

Only the settings of user_data are read, and the sums of its second half, fetch.py; neither is run,
because they install packages and replace /opt. What cannot be proved is told as a real host does.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SETTING = re.compile(r'\b([RNABS]|EventBusName) ?= ?f?"([^"]+)"')
_NAMES = {"R", "N", "A", "B", "S", "EventBusName"}
_SUMS = re.compile(r'^SUMS = """\\\n(.*?)"""$', re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_SECOND_HALF = "fetch.py"
Download = Callable[[str, str, Path], None]


class Integrity(Exception):
    """The scripts are not the ones that this instance was launched with."""


@dataclass(frozen=True, slots=True)
class UserData:
    """What user_data knows. digest: of the second half, and its folder's name; bus: for reports."""

    deployment: str
    bucket: str
    digest: str
    bus: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise Integrity for what is no user_data of ours."""
        found = dict(_SETTING.findall(text))
        if missing := _NAMES - found.keys():
            raise Integrity(f"user_data does not set {', '.join(sorted(missing))}")
        bucket = found["B"].format(**found)
        return cls(found["N"], bucket, found["S"], found["EventBusName"])


def fetch(known: UserData, folder: Path, download: Download) -> None:
    """Fill `folder` with the proved scripts; raise Integrity and leave it empty otherwise.

    download(bucket, key, target) fetches one object.
    """
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)

    def bring(name: str, digest: str) -> Path:
        download(known.bucket, f"scripts/{known.digest}/{name}", new / name)
        if hashlib.sha256((new / name).read_bytes()).hexdigest() != digest:
            raise Integrity(f"integrity: {name} was changed")
        return new / name

    second_half = bring(_SECOND_HALF, known.digest)
    for digest, name in _entries(second_half.read_text(encoding="utf-8")):
        bring(name, digest)
    second_half.unlink()
    new.rename(folder)


def _entries(program: str) -> list[tuple[str, str]]:
    """(digest, relative path) of each sum in fetch.py; raise Integrity for a line that is none."""
    entries = []
    sums = _SUMS.search(program)
    for line in sums[1].splitlines() if sums else [""]:
        found = _LINE.fullmatch(line)
        if not found or ".." in Path(found[2]).parts or Path(found[2]).is_absolute():
            raise Integrity(f"integrity: {_SECOND_HALF} has a line that names no file: {line!r}")
        entries.append((found[1], found[2]))
    return entries


def settings(path: Path) -> dict[str, str]:
    """deployment.env: KEY=value lines, values as they stand."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key: value.strip() for key, _, value in pairs}
