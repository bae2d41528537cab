"""The two C programs, and where the others are."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks import BUILD, ROOT
from benchmarks.errors import BuildFailed, MissingProgram

SOURCES = ROOT / "benchmarks" / "c"
_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow")
_MOCK = ("mock", "connection", "request", "answers", "stream", "buffer", "sockets", "timers")
_LOAD = ("load", "options", "lane", "response", "tally", "histogram", "buffer", "sockets")


@dataclass(frozen=True, slots=True)
class Programs:
    mock: Path
    load: Path


def build(folder: Path = BUILD) -> Programs:
    """Compile both (a second). Raises MissingProgram, BuildFailed."""
    compiler = find("cc", package="gcc and libc6-dev")
    folder.mkdir(parents=True, exist_ok=True)
    return Programs(
        mock=_compile(compiler, _MOCK, folder / "mock"),
        load=_compile(compiler, _LOAD, folder / "load"),
    )


def find(name: str, *, package: str) -> str:
    """Return the program's path; Debian keeps nginx where a user's PATH does not look."""
    found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if found is None:
        raise MissingProgram(f"{name} is not here: apt-get install {package}, then run again")
    return found


def _compile(compiler: str, names: tuple[str, ...], program: Path) -> Path:
    files = [str(SOURCES / f"{name}.c") for name in names]
    command = [compiler, *_FLAGS, "-o", str(program), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{program.name} does not compile:\n{done.stderr.strip()}")
    return program
