"""Judge: vermin (MIT). The oldest image that a host boots is Ubuntu 22.04, whose Python is 3.10."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from host_scripts.sandbox import BUCKET, SCRIPTS, SETTINGS, render

pytestmark = pytest.mark.judge

VALUES = {
    **SETTINGS,
    "account": "123456789012",
    "bucket": BUCKET,
    "folder": "f",
    "program_sha256": "0",
}


def refusal(*paths: Path) -> str:
    """Return which files and folders need a newer Python than the host's, and for what."""
    done = subprocess.run(
        [f"{sys.exec_prefix}/bin/vermin", "--no-config-file", "--no-tips", "--violations",
         "-t=3.10-", "-vvv", *map(str, paths)], capture_output=True, text=True, check=False,
    )  # fmt: skip
    unread = " error: " in done.stdout  # vermin's code is 0 for a program that it cannot read
    return done.stdout + done.stderr if done.returncode or unread else ""


def rendered(folder: Path) -> list[Path]:
    """Write each `*.py.j2` of the host as the Python that it becomes."""
    programs = []
    for template in SCRIPTS.rglob("*.py.j2"):
        program = folder / template.stem
        program.write_text(render(template.name, **VALUES))
        programs.append(program)
    return programs


def test_the_host_programs_run_on_its_oldest_python(tmp_path):
    [user_data] = rendered(tmp_path)

    assert user_data.name == "bootstrap.py"
    assert refusal(SCRIPTS, user_data) == ""


@pytest.mark.parametrize(
    "newer",
    ["import tomllib", "from typing import Self", "try:\n  f()\nexcept* OSError:\n  pass",
     "import hashlib\nhashlib.file_digest(None, 'md5')", "type Path = str", 'f"{a["b"]}"'],
    ids=["module", "name", "syntax 3.11", "function", "syntax 3.12", "f-string 3.12"],
)  # fmt: skip
def test_what_came_with_a_newer_python_is_refused(tmp_path, newer):
    (tmp_path / "program.py").write_text(newer)

    assert "program.py" in refusal(SCRIPTS / "host" / "setup" / "phase.py", tmp_path)
