"""The gateway's image, built from proxy/Dockerfile by buildah, without a daemon and a registry.

What it is not: the base images are the registry's own in AWS. Here a minimal Debian with this
computer's Python 3.12 in /usr/local stands in for both, with a compiler for `python:3.12`, without
for `python:3.12-slim`. The packages are downloaded beforehand, for the platform that CodeBuild
has, by the Dockerfile's own rules (wheels only, by hash); the build itself asks no index. The C
compiler does not optimise, which takes a third of the time.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lamplighter.installation.lambda_python import MissingPython
from machine.lab.image import tree
from machine.lab.image.images import ROOT

PROXY = ROOT / "proxy"
_BASE = "public.ecr.aws/docker/library/python:3.12"
# What an interpreter that was compiled on this computer is linked with.
_LIBRARIES = (
    "libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libreadline8",
    "libsqlite3-0", "libssl3", "libtirpc3", "libuuid1", "zlib1g",
)  # fmt: skip
_COMPILER = ("gcc", "libc6-dev")
_PARTS = ("bin/python3.12", "lib/python3.12", "lib/libpython3.12.so*", "include/python3.12")
_LEFT_OUT = ("__pycache__", "test", "site-packages", "*.a")
_WHEELS = "/wheels-from-outside"
_GLIBC = ("2_28", "2_17")  # manylinux; the oldest glibc that the wheels of the lock need


class ImageBuild:
    """folder: everything that is made lies in it, and `remove` leaves none of it."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.wheels = folder / "wheels"

    def prepare(self, python: Path, trees: Path) -> None:
        """Download the wheels and make both stand-ins; the first time also their Debian trees.

        Raises MissingPython for an interpreter that does not run on the stand-ins' Debian.
        """
        self._download(python)
        self._stand_in(f"{_BASE}-slim", tree.prepare(trees, _LIBRARIES), python)
        self._stand_in(_BASE, tree.prepare(trees, (*_LIBRARIES, *_COMPILER)), python)

    def build(self, context: Path, name: str) -> subprocess.CompletedProcess[str]:
        """Build the context's Dockerfile; stderr is part of stdout."""
        return subprocess.run(
            [
                *self._buildah("build"),
                *("--isolation", "chroot", "--pull-never", "--format", "docker"),
                *("--volume", f"{self.wheels}:{_WHEELS}:ro", "--tag", name, str(context)),
            ],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def configuration(self, name: str) -> dict[str, Any]:
        """Return what `docker inspect` calls Config."""
        inspected = json.loads(self._said("inspect", "--type", "image", name))
        found: dict[str, Any] = inspected["Docker"]["config"]
        return found

    def container(self, name: str) -> str:
        return self._said("from", "--pull-never", name)

    def command(self, container: str, words: list[str], *options: str) -> list[str]:
        """Return the command line that runs words in a container, as its user."""
        return [*self._buildah("run"), "--isolation", "chroot", *options, container, "--", *words]

    def remove(self) -> None:
        self._said("rm", "--all")
        shutil.rmtree(self.folder)

    def _download(self, python: Path) -> None:
        machine = platform.machine()
        files = ("requirements.txt", "requirements-compile.txt")
        platforms = [f"manylinux_{glibc}_{machine}" for glibc in _GLIBC]
        subprocess.run(
            [
                *(str(python), "-m", "pip", "download", "--quiet", "--quiet"),
                *("--dest", str(self.wheels), "--no-deps", "--only-binary", ":all:"),
                *("--require-hashes", "--python-version", "3.12"),
                *_each("--platform", [*platforms, f"manylinux2014_{machine}"]),
                *_each("--requirement", [str(PROXY / file) for file in files]),
            ],
            check=True,
        )

    def _stand_in(self, name: str, debian: Path, python: Path) -> None:
        container = self._said("from", "scratch")
        root = Path(self._said("mount", container))
        subprocess.run(["cp", "--archive", f"{debian}/.", str(root)], check=True)
        _copy_python(python, root / "usr/local")
        _check(root, python)
        self._said("umount", container)
        quick = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": _WHEELS, "MYPYC_OPT_LEVEL": "0"}
        # an interpreter that was moved does not find its library by the path it was linked with
        settings = quick | {"LD_LIBRARY_PATH": "/usr/local/lib"}
        variables = _each("--env", [f"{key}={value}" for key, value in settings.items()])
        self._said("config", *variables, container)
        self._said("commit", "--quiet", "--rm", container, name)

    def _said(self, *words: str) -> str:
        return subprocess.check_output(self._buildah(*words), text=True).strip()

    def _buildah(self, *words: str) -> list[str]:
        places = ["--root", str(self.folder / "store"), "--runroot", str(self.folder / "run")]
        temporary = ["env", f"TMPDIR={self.folder}"]  # else a build that is killed leaves /var/tmp
        return [*temporary, "buildah", *places, "--storage-driver", "overlay", *words]


def _copy_python(python: Path, target: Path) -> None:
    """Copy the interpreter and its standard library, without what others installed into it."""
    prefix = Path(_asked(python, "import sys; print(sys.base_prefix)"))
    for source in _found(prefix):
        place = target / source.relative_to(prefix)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        else:
            shutil.copy2(source.resolve(), place)
    (target / "bin/python").symlink_to("python3.12")


def _check(root: Path, python: Path) -> None:
    asked = ["/usr/local/bin/python3.12", "-c", "import ctypes, sqlite3, ssl, venv, zlib"]
    command = ["chroot", str(root), "env", "LD_LIBRARY_PATH=/usr/local/lib", *asked]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        where = f"Debian {tree.RELEASE}"
        raise MissingPython(f"{python} does not run on {where}: {done.stderr.strip()[-300:]}")


def _found(prefix: Path) -> Iterator[Path]:
    for part in _PARTS:
        yield from prefix.glob(part)


def _asked(python: Path, question: str) -> str:
    return subprocess.check_output([str(python), "-c", question], text=True).strip()


def _each(option: str, values: list[str]) -> list[str]:
    return [word for value in values for word in (option, value)]
