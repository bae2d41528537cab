"""What user_data does on a real instance: fetch the scripts, prove them, put them in place.

Only the settings of user_data are read, and the hashes in SHA256SUMS. Neither user_data nor
fetch.py is run: they install packages and replace /opt. A changed file is reported as by a host.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SETTING = re.compile(r'^(deployment|bucket|folder|event_bus) = "([^"]+)"$', re.MULTILINE)
_NAMES = {"deployment", "bucket", "folder", "event_bus"}
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_SUMS = "SHA256SUMS"
_AT_A_TIME = 4  # downloads
Download = Callable[[str, str, Path], None]


class Integrity(Exception):
    """The scripts are not the ones that this instance was launched with."""


@dataclass(frozen=True, slots=True)
class UserData:
    """What user_data knows. folder: of the bucket, its last part is the hash of SHA256SUMS."""

    deployment: str
    bucket: str
    folder: str
    bus: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise Integrity for what is no user_data of ours."""
        found = dict(_SETTING.findall(text))
        if missing := _NAMES - found.keys():
            raise Integrity(f"user_data does not set {', '.join(sorted(missing))}")
        return cls(found["deployment"], found["bucket"], found["folder"], found["event_bus"])


def fetch(known: UserData, folder: Path, download: Download) -> None:
    """Fill `folder` with the proved scripts; raise Integrity and leave it empty otherwise.

    download(bucket, key, target) fetches one object.
    """
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)

    def bring(name: str, digest: str) -> Path:
        download(known.bucket, f"{known.folder}/{name}", new / name)
        if hashlib.sha256((new / name).read_bytes()).hexdigest() != digest:
            raise Integrity(f"integrity: {name} was changed")
        return new / name

    sums = bring(_SUMS, known.folder.rpartition("/")[2])
    entries = _entries(sums.read_text(encoding="utf-8"))
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for _ in pool.map(lambda entry: bring(entry[1], entry[0]), entries):
            pass  # raises what a file's check raised
    for command in (new / "bin").glob("*"):
        command.chmod(0o755)
    new.rename(folder)


def _entries(sums: str) -> list[tuple[str, str]]:
    """(digest, relative path) of each line; raise Integrity for a line that is none."""
    entries = []
    for line in sums.splitlines():
        found = _LINE.fullmatch(line)
        if not found or ".." in Path(found[2]).parts or Path(found[2]).is_absolute():
            raise Integrity(f"integrity: {_SUMS} has a line that names no file: {line!r}")
        entries.append((found[1], found[2]))
    return entries


def settings(path: Path) -> dict[str, str]:
    """deployment.env: KEY=value lines, values as they stand."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key: value.strip() for key, _, value in pairs}
