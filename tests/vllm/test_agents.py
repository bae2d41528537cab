"""Claude Code and Codex before a real vLLM: it takes their prompts and all their tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.agents import ONCE, Agents
from vllmlab.engine import Engine
from vllmlab.gate import KEY, Gate, gate

# Their prompts are longer than the other tests' context. The answers shall be short.
ROOMY = (
    "--max-model-len", "65536", "--hf-overrides", '{"max_position_embeddings": 65536}',
    "--override-generation-config", '{"max_new_tokens": 32}',
)  # fmt: skip


@pytest.fixture(scope="module")
def roomy(lab: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Lend a gateway before a vLLM of its own; the other tests start theirs again."""
    lab.stop()
    engine = Engine(tmp_path_factory.mktemp("roomy") / "vllm.log", *ROOMY)
    try:
        engine.ensure()
        with gate(tmp_path_factory.mktemp("gateway"), engine.url) as found:
            yield found
    finally:
        engine.stop()


def agents(door: Gate, home: Path) -> Agents:
    return Agents(home, {"ENDPOINT": door.url, "KEY": KEY, "MODEL": "tiny"})


def test_claude_code_is_refused_by_what_has_no_room(door: Gate, tmp_path: Path) -> None:
    done = agents(door, tmp_path).claude("Say hello")

    assert "Prompt is too long" in json.loads(done.stdout)["result"]


def test_codex_is_refused_by_what_has_no_room(door: Gate, tmp_path: Path) -> None:
    done = agents(door, tmp_path).codex(*ONCE, "Say hello")

    assert "maximum context length is 12288 tokens" in done.stderr


def test_claude_code_gets_an_answer(roomy: Gate, tmp_path: Path) -> None:
    done = agents(roomy, tmp_path).claude("Say hello")

    said = json.loads(done.stdout)
    assert not said["is_error"], said["result"]
    assert said["usage"]["input_tokens"] > 10_000
    assert said["usage"]["output_tokens"] > 0


def test_codex_gets_an_answer(roomy: Gate, tmp_path: Path) -> None:
    done = agents(roomy, tmp_path).codex(*ONCE, "Say hello")

    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr
