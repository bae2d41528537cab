"""The interpreter that `sam build` needs: the Python version of the functions, with pip.

A version manager's shim has the right name but may refuse to run, so each candidate is started and
asked who it is. Looked at in this order: every folder of PATH, what uv knows, what pyenv installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from lamplighter.errors import LamplighterError

VERSION = "3.12"  # Globals.Function.Runtime in template.yaml
NAME = f"python{VERSION}"
_IDENTIFY = (
    "import sys, pip; print('.'.join(map(str, sys.version_info[:2])), sys.executable, sep='\\n')"
)
_SECONDS = 20.0  # to start one candidate


class MissingPython(LamplighterError):
    """No interpreter of this version was found."""

    exit_code = 5


def find(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the absolute path of an interpreter that runs and has pip; raise MissingPython."""
    refused: list[str] = []
    for candidate in _candidates(environment):
        if found := _identified(candidate, environment):
            return found
        refused.append(str(candidate))
    tried = f" ({', '.join(refused)} does not run or has no pip)" if refused else ""
    raise MissingPython(
        f"{NAME} with pip was not found{tried}; the functions are built with it, as AWS runs them. "
        f"Install it with `{_uv(environment) or 'uv'} python install {VERSION}`, with "
        f"`pyenv install {VERSION}`, or on Ubuntu 24.04 with `apt-get install {NAME} python3-pip`; "
        "then run the same command again"
    )


def first_on_path(python: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the interpreter's own folder in front of PATH."""
    return {**environment, "PATH": f"{python.parent}{os.pathsep}{environment.get('PATH', '')}"}


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    for folder in environment.get("PATH", "").split(os.pathsep):
        if folder and (found := shutil.which(NAME, path=folder)):
            yield Path(found)
    if uv := _uv(environment):
        options = ["--no-project", "--no-python-downloads"]
        if known := _output([uv, "python", "find", *options, VERSION], environment):
            yield Path(known)
    if (pyenv := shutil.which("pyenv", path=environment.get("PATH"))) and (
        root := _output([pyenv, "root"], environment)
    ):
        yield from sorted(Path(root).glob(f"versions/{VERSION}*/bin/{NAME}"), reverse=True)


def _uv(environment: Mapping[str, str]) -> str | None:
    """Return the uv of PATH, or the one that `make setup` put beside this interpreter."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("uv", path=environment.get("PATH")) or shutil.which("uv", path=beside)


def _identified(candidate: Path, environment: Mapping[str, str]) -> Path | None:
    """Return where the interpreter really is; None when it is not the one that is needed."""
    version, _, executable = _output([str(candidate), "-c", _IDENTIFY], environment).partition("\n")
    path = Path(executable)
    # sam looks for this very name in the folder that is put on PATH
    return path.with_name(NAME) if version == VERSION and path.with_name(NAME).exists() else None


def _output(command: list[str], environment: Mapping[str, str]) -> str:
    """Return what the command wrote on stdout; nothing when it failed or did not end in time."""
    try:
        done = subprocess.run(  # noqa: S603 -- programs named here, found on the caller's own PATH
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
