"""Lamplighter's installation in the twin: the unchanged template, by the real `sam deploy`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lamplighter.errors import Unavailable
from twin.daemons import clean

_KEPT_OUTPUT_LINES = 30


def is_here(project: Path) -> bool:
    """Return whether this is a checkout, in an environment with what the local AWS needs."""
    known = importlib.util.find_spec("ministack") is not None
    return known and (project / "template.yaml").exists()


def deploy(
    template: Path, stack: str, parameters: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    """Create or update the stack. The code is not built: Lambdas run in this interpreter here, so
    what they import comes from this environment. Raise Unavailable with the end of sam's output.
    """
    if not template.exists():
        raise Unavailable(f"{template} is missing: the twin installs the template of a checkout")
    command = [
        str(Path(sys.executable).parent / "sam"), "deploy", "--template-file", str(template),
        "--stack-name", stack, "--resolve-s3", "--no-confirm-changeset", "--no-progressbar",
        "--no-fail-on-empty-changeset", "--config-env", "twin",
        "--capabilities", "CAPABILITY_IAM",
    ]  # fmt: skip
    if parameters:
        command += ["--parameter-overrides", *(f"{k}={v}" for k, v in parameters.items())]
    done = subprocess.run(  # noqa: S603 - the pinned sam of this environment
        command, cwd=template.parent, env=_environment(environment), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-_KEPT_OUTPUT_LINES:])
        raise Unavailable(f"sam deploy of {template} failed:\n{tail}")


def _environment(twin: Mapping[str, str]) -> dict[str, str]:
    """SAM_CLI_POLL_DELAY: how often sam asks for the stack's state (its default is 0.5 s)."""
    return clean(os.environ) | dict(twin) | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}
