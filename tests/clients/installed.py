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
OLDEST_NODE = 18


def openai1() -> Path:
    python = ROOT / ".venv-openai1" / "bin" / "python"
    if not python.exists():
        pytest.fail("OpenAI's 1.x client is not installed: run `make test-clients`")
    return python


def node() -> str:
    """Return the program, once it is new enough and has its packages."""
    found = shutil.which("node")
    if not found:
        pytest.fail("node is not on PATH: install it (apt-get install nodejs npm) and run again")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.match(r"v(\d+)", said)
    if not major or int(major[1]) < OLDEST_NODE:
        pytest.fail(f"node is {said.strip()}, the client needs {OLDEST_NODE} or newer")
    if not (HERE / "node" / "node_modules" / "openai").exists():
        pytest.fail("the Node clients are not installed: run `make test-clients`")
    return found


def suite(lab: Lab, *command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run another suite with this lab; what it said is what failed."""
    environment = {"PATH": os.environ["PATH"], "LAB": json.dumps(asdict(lab))}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False,
        timeout=240,
    )  # fmt: skip
