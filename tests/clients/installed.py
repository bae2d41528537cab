"""Where the other clients are installed: `make test-clients` puts them there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clients.lab import Lab

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE_MODULES = HERE / "node" / "node_modules"
OLDEST_NODE = 20  # openai's client uploads files only with it


def python(name: str) -> Path:
    """Return the interpreter of the environment that requirements/NAME.txt locks."""
    found = ROOT / f".venv-{name}" / "bin" / "python"
    if not found.exists():
        pytest.fail(f"{found.parents[1].name} is not installed: run `make test-clients`")
    return found


def node() -> str:
    """Return the program, once it is new enough and has its packages."""
    found = shutil.which("node")
    if not found:
        pytest.fail("node is not on PATH: install it (apt-get install nodejs npm) and run again")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.match(r"v(\d+)", said)
    if not major or int(major[1]) < OLDEST_NODE:
        pytest.fail(f"node is {said.strip()}, the clients need {OLDEST_NODE} or newer")
    if not (NODE_MODULES / ".installed").exists():
        pytest.fail("the Node clients are not installed: run `make test-clients`")
    return found


def suite(lab: Lab, *command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run another suite with this lab; what it said is what failed."""
    return run(command, folder, {"LAB": json.dumps(asdict(lab))})


def run(
    command: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program that sees nothing of our environment but PATH, and reads no terminal."""
    return subprocess.run(
        command, cwd=folder, env={"PATH": os.environ["PATH"]} | environment, check=False,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
