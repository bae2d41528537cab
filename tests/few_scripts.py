"""A host's scripts in short: each file is a call of every provision, and all calls are alike."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "host_scripts"
_KEPT = ("fetch.py", "lib.sh", "setup.sh", "steps/05-agent.sh")


@cache
def folder() -> Path:
    """Return a folder with the real templates and a few of the real scripts."""
    made = Path(tempfile.mkdtemp(prefix="few-scripts-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    shutil.copytree(SCRIPTS / "templates", made / "templates")
    for name in _KEPT:
        (made / name).parent.mkdir(exist_ok=True)
        shutil.copy(SCRIPTS / name, made / name)
    return made
