"""Requests made from the gateway's own OpenAPI document, valid ones and invalid ones.

What is checked is what the gateway decides: never a server error, only statuses, types, headers and
bodies that the document names, no way around the key. Whether a value is good is for the engine to
say, which these checks would have the gateway do (positive_data_acceptance and its opposite).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hostile.gate import Gate

_PROGRAM = Path(sys.executable).with_name("schemathesis")
_OTHERS_SAY = "positive_data_acceptance,negative_data_rejection"
_OPTIONS = (
    "--phases=examples,coverage,fuzzing",
    "--max-examples=25",
    "--seed=1",
    "--generation-database=none",
    "--suppress-health-check=all",
    "--continue-on-failure",
    "--no-shrink",
    "--request-timeout=30",
    "--tls-verify=false",
    "--checks=all",
)


def test_the_gateway_keeps_to_its_own_document(gate: Gate, tmp_path: Path) -> None:
    generated(f"http://127.0.0.1:{gate.door.port}", gate, tmp_path, _OTHERS_SAY)


@pytest.mark.host
def test_nginx_and_the_gateway_keep_to_the_gateways_document(nginx: Gate, tmp_path: Path) -> None:
    # nginx refuses TRACE itself, and names no other method then
    unsaid = f"{_OTHERS_SAY},unsupported_method"
    generated(f"https://127.0.0.1:{nginx.door.port}", nginx, tmp_path, unsaid)


def generated(url: str, gate: Gate, folder: Path, unsaid: str) -> None:
    key = f"--header=Authorization: Bearer {gate.lab.key}"
    command = [
        str(_PROGRAM),
        "run",
        f"{url}/openapi.json",
        key,
        f"--exclude-checks={unsaid}",
        *_OPTIONS,
    ]

    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=280
    )

    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2000:]
    counted = re.search(r"(\d+) generated", done.stdout)
    assert counted, done.stdout[-2000:]
    assert int(counted[1]) > 1000
    assert gate.lab.judged()["defects"] == []
    assert gate.aftermath() == []
