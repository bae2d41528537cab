"""Our own gateway with everything on: keys, limits, metrics, access log, usage per key.

Compiled as its image has it, or from the source as a checkout runs it.
"""

import hashlib
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks import ROOT
from benchmarks.errors import MissingProgram
from benchmarks.system.processes import Command
from benchmarks.targets.target import Lab

COMPILED = ROOT / "dist" / "gateway"
BEFORE = ROOT / "dist" / "gateway-before"
_SOURCE = ROOT / "proxy" / "gateway"
_BUILT = ".built"  # make writes it when the compiled package is complete

_KEY_ID = "bench"
# Limits that are kept account of for every request and never reached.
_PER_MINUTE = 1_000_000_000
_CONCURRENCY = 1_000_000
_PER_DAY = 1_000_000_000_000


def new_key() -> str:
    return f"sk-{_KEY_ID}-{secrets.token_hex(32)}"


def command(lab: Lab, port: int) -> Command:
    """Return the command of the compiled gateway. Raises MissingProgram."""
    return _command(lab, port, {"PYTHONPATH": str(compiled(COMPILED, _SOURCE))})


def before(lab: Lab, port: int) -> Command:
    """Return the command of another commit's, compiled. Raises MissingProgram."""
    if not (BEFORE / _BUILT).exists():
        raise MissingProgram("there is no gateway to compare with: run `make before COMMIT=...`")
    return _command(lab, port, {"PYTHONPATH": str(BEFORE)})


def version_before() -> str:
    try:
        return (BEFORE / _BUILT).read_text("ascii").strip()
    except OSError:
        return "unknown"


def interpreted(lab: Lab, port: int) -> Command:
    return _command(lab, port, {})


def compiled(folder: Path, source: Path) -> Path:
    """Return the folder, or raise MissingProgram if what is in it is not this source compiled."""
    built = folder / _BUILT
    if not built.exists():
        raise MissingProgram("the compiled gateway is not here: run `make compiled`")
    files = (path for path in source.rglob("*.*") if path.parent.name != "__pycache__")
    newest = max(path.stat().st_mtime for path in files)
    if built.stat().st_mtime < newest:
        raise MissingProgram("the compiled gateway is older than its source: run `make compiled`")
    return folder


def _command(lab: Lab, port: int, variables: Mapping[str, str]) -> Command:
    return Command(
        "gateway",
        (sys.executable, "-m", "gateway", "--host", "127.0.0.1", "--port", str(port)),
        {
            "INFERENCE_BACKENDS": lab.backend,
            "INFERENCE_KEYS_FILE": str(write_keys(lab.folder / "keys.json", lab.key)),
            "INFERENCE_USAGE_FILE": str(lab.folder / "usage.json"),
            **variables,
        },
    )


def write_keys(path: Path, key: str) -> Path:
    """Write the gateway's keys file with this one key in it."""
    salt = secrets.token_bytes(16)
    entry = {
        "id": _KEY_ID,
        "salt": salt.hex(),
        "sha256": hashlib.sha256(salt + key.encode()).hexdigest(),
        "not_before": None,
        "expires": None,
        "models": None,
        "priority": "standard",
        "requests_per_minute": _PER_MINUTE,
        "tokens_per_minute": _PER_MINUTE,
        "concurrency": _CONCURRENCY,
        "tokens_per_day": _PER_DAY,
    }
    path.write_text(json.dumps({"keys": [entry]}), "ascii")
    return path


def version() -> str:
    """Return the commit, and whether the checkout differs from it."""
    if shutil.which("git") is None:
        return "unknown"
    command = ("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
