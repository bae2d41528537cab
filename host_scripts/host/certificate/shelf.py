"""What nginx serves: tls/server.crt and tls/server.key, both by the link tls/current.

    tls/current          -> a or b, the folder of one pair: server.crt, server.key, origin.json
    tls/server.{crt,key} -> current/server.{crt,key}

One rename changes both, so a power cut never leaves a key beside another key's certificate.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from host.certificate import pairs
from host.certificate.errors import Trouble, Unusable

log = logging.getLogger("lamplighter.certificate")

_FILES = ("server.crt", "server.key")


@dataclass(frozen=True, slots=True)
class Held:
    """kind: acme | own | self-signed; origin: the ACME directory or the SSM parameter."""

    kind: str
    origin: str
    pair: pairs.Pair


class Shelf:
    """reload: makes nginx read the files; returns False when it rejects them."""

    def __init__(self, folder: Path, reload: Callable[[], bool]) -> None:
        self._folder, self._current, self._reload = folder, folder / "current", reload

    def held(self) -> Held | None:
        """Return what is served; None for nothing, or what cannot be read."""
        try:
            origin = json.loads((self._current / "origin.json").read_text())
            text = "".join((self._current / name).read_text() for name in _FILES)
            return Held(origin["kind"], origin["origin"], pairs.parse(text))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, Unusable) as error:
            log.warning("certificate not readable folder=%s error=%s", self._current, error)
            return None

    def put(self, held: Held) -> None:
        """Serve this; raise Trouble when nginx rejects it, and serve the previous one again."""
        before = self._current.readlink() if self._current.is_symlink() else None
        folder = self._written(held)
        self._link(self._current, folder.name)
        for name in _FILES:
            self._link(self._folder / name, f"current/{name}")
        if not self._reload():
            if before is None:
                raise Trouble("nginx does not start: see `journalctl --unit nginx`")
            self._link(self._current, str(before))
            back = self._reload()
            shutil.rmtree(folder)
            log.error("certificate refused by nginx; the one before serves=%s", back)
            raise Trouble(
                f"nginx rejects the {held.kind} certificate: its key or signature is weak"
            )
        log.info("certificate placed kind=%s names=%s", held.kind, ",".join(held.pair.names))
        self._tidy(folder)

    def _written(self, held: Held) -> Path:
        """Write the pair into the folder that is not in use; return that folder."""
        origin = json.dumps({"kind": held.kind, "origin": held.origin})
        content = {
            "server.crt": held.pair.chain,
            "server.key": held.pair.key,
            "origin.json": origin + "\n",
        }
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        served = self._current.is_symlink() and self._current.readlink().name
        folder = self._folder / ("b" if served == "a" else "a")
        new = folder.with_suffix(".new")
        for left in (folder, new):
            if left.exists():
                shutil.rmtree(left)
        new.mkdir(mode=0o700)
        for file, text in content.items():
            _write(new / file, text)
        _sync(new)
        new.rename(folder)
        return folder

    def _link(self, path: Path, target: str) -> None:
        """Point path at target in one step."""
        if path.is_symlink() and str(path.readlink()) == target:
            return
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(path)
        _sync(path.parent)

    def _tidy(self, keep: Path) -> None:
        for each in self._folder.iterdir():
            if each.is_dir() and not each.is_symlink() and each != keep:
                shutil.rmtree(each)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
