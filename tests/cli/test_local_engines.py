"""What the twin starts as the engine of a host."""

from __future__ import annotations

from pathlib import Path

import pytest
from twin.engines import vllm
from twin.hosts.engine_unit import Engines

ARGUMENTS = ["--max-num-seqs", "64", "--seed=7"]


def test_a_real_vllm_gets_the_specifications_further_flags_behind_ours() -> None:
    unit = Engines("vllm", 0.0, Path("/home")).unit("tiny", 8000, ARGUMENTS)

    assert unit.command == [*vllm.command(Path("/home"), "tiny", 8000), *ARGUMENTS]


def test_the_stub_has_no_flags_of_vllms_and_the_engine_no_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    unit = Engines("stub", 0.0, Path("/home")).unit("tiny", 8000, ARGUMENTS)

    assert not set(ARGUMENTS) & set(unit.command)
    assert "AWS_SECRET_ACCESS_KEY" not in unit.environment
