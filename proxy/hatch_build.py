"""Compiles what every request passes with mypyc, if LAMPLIGHTER_COMPILE=1 is in the environment.

The Python source stays the only source, and runs as it is. A compiled wheel holds it as well:
Python prefers the extensions beside it, tracebacks show its lines.
"""
# ruff: noqa: INP001 -- a build script stands beside its package, not in one

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The rest runs seldom, or mypyc gets it wrong (tests/gateway/test_compiled.py): classes
# that msgspec decodes by their annotations, and those that extend a class which is not compiled.
COMPILED = (
    "access.filters", "access.keys", "access.limits", "access.rate_bucket",
    "backends.admission_queue", "backends.backend", "backends.balancing", "backends.connection",
    "backends.routing", "backends.target", "core.endpoints", "core.process_state",
    "core.request_record", "http.strict_head", "relay.accounting", "relay.answering",
    "relay.deadlines", "relay.delivery", "relay.dispatch", "relay.downstream", "relay.exchange",
    "relay.request_checks", "relay.services", "relay.timeouts", "relay.upstream_request",
    "request.cost.body_memory", "request.decoding", "request.edits", "request.head",
    "request.upload",
    "response.backend_response", "response.event_stream", "response.usage_stripper",
    "response.writer",
    "telemetry.access_line", "telemetry.access_log", "telemetry.metrics", "telemetry.recorder",
    "telemetry.usage",
)  # fmt: skip


class CompileHook(BuildHookInterface[BuilderConfig]):
    """hatchling finds it by its base class."""

    _folder: "tempfile.TemporaryDirectory[str] | None" = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or os.environ.get("LAMPLIGHTER_COMPILE") != "1":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="gateway-")  # the checkout stays clean
        folder = Path(self._folder.name)
        shutil.copytree(Path(self.root, "gateway"), folder / "gateway")
        _compile(folder)
        built = [*folder.glob("*.so"), *folder.rglob("gateway/**/*.so")]
        build_data["force_include"] |= {str(one): str(one.relative_to(folder)) for one in built}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 -- hatchling's signature
        if self._folder is not None:
            self._folder.cleanup()


def _compile(folder: Path) -> None:
    """Put the extensions beside their sources. What the compilers say is shown if they fail."""
    sources = [f"gateway/{name.replace('.', '/')}.py" for name in COMPILED]
    done = subprocess.run(  # noqa: S603 -- our own arguments
        [sys.executable, "-m", "mypyc", "--ignore-missing-imports", *sources],
        cwd=folder,
        env={"MYPYC_OPT_LEVEL": "3"} | os.environ | {"MYPYC_DEBUG_LEVEL": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(
            f"the gateway does not compile (gcc and Python's headers are needed):\n{done.stdout}"
        )
