"""40-secrets.sh: who may read what, and what a missing or broken parameter does."""

from __future__ import annotations

import hashlib
import stat

import pytest
from host_scripts.sandbox import API_KEY, HF_TOKEN, Host


def test_the_gateway_gets_the_keys_hash_and_not_the_key(host: Host) -> None:
    host.run("40-secrets.sh")

    keys = host.etc / "lamplighter" / "gateway" / "keys"
    assert keys.read_text() == f"default {hashlib.sha256(API_KEY.encode()).hexdigest()}\n"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o640
    assert stat.S_IMODE(keys.parent.stat().st_mode) == 0o750


def test_vllm_gets_the_token_in_a_file_that_only_root_reads(host: Host) -> None:
    host.run("40-secrets.sh")

    token = host.run_dir / "vllm.env"
    assert token.read_text() == f"HF_TOKEN={HF_TOKEN}\n"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(host.run_dir.stat().st_mode) == 0o755


def test_a_token_that_is_no_longer_wanted_goes(host: Host) -> None:
    host.run("40-secrets.sh")
    host.configure(hf_token_parameter="")

    host.run("40-secrets.sh")

    assert not (host.run_dir / "vllm.env").exists()


@pytest.mark.parametrize("value", ["", "two words", "a line\nand another"])
def test_an_api_key_that_is_none_stops_the_step_and_keeps_the_old_one(
    host: Host, value: str
) -> None:
    host.run("40-secrets.sh")
    before = host.tree()
    (host.aws / "ssm" / "lamplighter" / "demo" / "api-key").write_text(value)

    done = host.run("40-secrets.sh")

    assert done.returncode != 0
    assert "/lamplighter/demo/api-key is empty or no single word" in done.stderr
    assert host.tree() == before


@pytest.mark.parametrize("missing", ["api-key", "hf-token"])
def test_a_missing_parameter_stops_the_step(host: Host, missing: str) -> None:
    (host.aws / "ssm" / "lamplighter" / "demo" / missing).unlink()

    done = host.run("40-secrets.sh")

    assert done.returncode != 0
    assert "ParameterNotFound" in done.stderr
