# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""Lambda workers: forked by a warm process instead of started, and layers where AWS mounts them.

AWS merges layers into /opt. A worker cannot have its own /opt without root, so a variable of the
function that says `/opt` or `/opt/...` is rewritten to the folder of the merged layers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime
from twin.emulator.lambdas import forked
from twin.emulator.pinned import replaced, require
from twin.forking.client import ForkServer

_ENVIRONMENT = "    os.environ.update(env)\n"
_WITH_OPT = """    os.environ.update(env)
    _opt = os.environ.get("LAMPLIGHTER_OPT", "")
    for _name, _value in env.items():
        if _opt and (_value == "/opt" or _value.startswith("/opt/")):
            os.environ[_name] = _opt + _value[len("/opt"):]
"""


def install(*, warm: bool) -> None:
    """warm: a fork server makes the workers (Linux); else start an interpreter for each."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    lambda_runtime._PYTHON_WORKER_SCRIPT = replaced(
        script, _ENVIRONMENT, _WITH_OPT, fix="layers in /opt"
    )
    require(holds=lambda_runtime.subprocess is subprocess, fix="Lambda workers")
    server = ForkServer.start(forked.__name__) if warm else None
    lambda_runtime.subprocess = SimpleNamespace(
        Popen=_spawner(server), PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired
    )


def _spawner(server: ForkServer | None) -> Any:
    def popen(command: list[str], **options: Any) -> Any:
        if Path(command[-1]).name != "_worker.py":
            return subprocess.Popen(command, **options)  # noqa: S603 - ministack's own command
        options["env"] = {**options["env"], **_merged_layers(options["env"], Path(command[-1]))}
        if server is None:
            return subprocess.Popen(command, **options)  # noqa: S603 - ministack's own command
        return forked.fork(server, command[-1], cwd=options["cwd"], env=options["env"])

    return popen


def _merged_layers(environment: dict[str, str], script: Path) -> dict[str, str]:
    """LAMPLIGHTER_OPT = the folder that stands for /opt; later layers win, as on AWS."""
    layers = [each for each in environment.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep) if each]
    if not layers:
        return {}
    if len(layers) == 1:
        return {"LAMPLIGHTER_OPT": layers[0]}
    merged = script.parent / "opt"
    for layer in layers:
        shutil.copytree(layer, merged, dirs_exist_ok=True)
    return {"LAMPLIGHTER_OPT": str(merged)}
