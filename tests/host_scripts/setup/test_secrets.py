"""40-secrets.sh: who may read what, and what a missing or broken parameter does."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest
from host_scripts.sandbox import API_KEY, HF_TOKEN, Host, entry

if TYPE_CHECKING:
    from pathlib import Path


def keys_of(host: Host) -> Path:
    return host.etc / "lamplighter" / "gateway" / "keys"


def test_the_gateway_gets_the_keys_hashes_and_not_the_keys(host: Host) -> None:
    for other in ("alice", "bob"):
        host.key(other)

    done = host.run("steps/40-secrets.sh")

    keys = keys_of(host)
    expected = [entry(key_id) for key_id in ("alice", "bob", "default")]
    assert json.loads(keys.read_text()) == {"keys": expected}
    assert API_KEY not in keys.read_text() + done.stdout + done.stderr
    assert stat.S_IMODE(keys.stat().st_mode) == 0o640


def test_the_agents_group_may_write_the_keys_and_others_may_not_read_them(host: Host) -> None:
    host.run("steps/40-secrets.sh")

    folder = keys_of(host).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o2770
    assert folder.stat().st_gid == keys_of(host).stat().st_gid == os.getgid()


def test_the_group_of_gateway_and_agent_is_made_once(host: Host) -> None:
    host.answer("getent", "exit 2")
    host.run("steps/40-secrets.sh")
    made = [call for call in host.calls if call.startswith("groupadd")]
    host.answer("getent")
    host.run("steps/40-secrets.sh")

    assert made == [f"groupadd --system --gid {os.getgid()} lamplighter-gateway"]
    assert not [call for call in host.calls if call.startswith("groupadd")]


def test_without_aws_a_host_starts_with_the_keys_it_had(host: Host) -> None:
    host.configure(hf_token_parameter="")
    host.run("steps/40-secrets.sh")
    before = keys_of(host).read_text()
    (host.aws / "ssm-down").mkdir()

    done = host.run("steps/40-secrets.sh")

    assert done.returncode == 0
    assert "EndpointConnectionError" in done.stderr
    assert keys_of(host).read_text() == before


def test_b12_vllm_gets_the_token_in_a_file_that_only_root_reads(host: Host) -> None:
    host.run("steps/40-secrets.sh")

    token = host.run_dir / "vllm.env"
    assert token.read_text() == f"HF_TOKEN={HF_TOKEN}\n"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(host.run_dir.stat().st_mode) == 0o755


def test_a_token_that_is_no_longer_wanted_goes(host: Host) -> None:
    host.run("steps/40-secrets.sh")
    host.configure(hf_token_parameter="")

    host.run("steps/40-secrets.sh")

    assert not (host.run_dir / "vllm.env").exists()


def test_a_damaged_key_leaves_the_others_and_is_named(host: Host) -> None:
    host.parameter("lamplighter/demo/keys/alice", "{")

    done = host.run("steps/40-secrets.sh")

    assert done.returncode == 0
    assert "'alice' is damaged: it is no JSON; write it again" in done.stderr
    assert json.loads(keys_of(host).read_text()) == {"keys": [entry("default")]}


@pytest.mark.parametrize("answer", ["empty", "silent"])
def test_a_host_that_never_had_a_key_stops_there(host: Host, answer: str) -> None:
    if answer == "silent":
        (host.aws / "ssm-down").mkdir()
    (host.aws / "ssm" / "lamplighter" / "demo" / "keys" / "default").unlink()

    done = host.run("steps/40-secrets.sh")

    assert done.returncode != 0
    assert "no key for the gateway under /lamplighter/demo/keys" in done.stderr
    assert not keys_of(host).exists()


def test_a_missing_token_stops_the_step(host: Host) -> None:
    (host.aws / "ssm" / "lamplighter" / "demo" / "hf-token").unlink()

    done = host.run("steps/40-secrets.sh")

    assert done.returncode != 0
    assert "/lamplighter/demo/hf-token does not exist: write it with `aws ssm put" in done.stderr
    assert not [call for call in host.calls if call.startswith("sleep")]


def test_a_token_that_cannot_be_read_is_read_again_and_reported_in_one_line(
    host: Host,
) -> None:
    host.run("steps/40-secrets.sh")
    (host.aws / "ssm-down").mkdir()

    done = host.run("steps/40-secrets.sh")

    assert done.returncode != 0
    assert host.calls.count("sleep 3") == 5
    assert "hf-token cannot be read: EndpointConnectionError" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", ["", "two words", "a line\nand another"])
def test_a_token_that_is_none_stops_the_step_and_keeps_the_old_one(host: Host, value: str) -> None:
    host.run("steps/40-secrets.sh")
    before = (host.run_dir / "vllm.env").read_text()
    host.parameter("lamplighter/demo/hf-token", value)

    done = host.run("steps/40-secrets.sh")

    assert done.returncode != 0
    assert "/lamplighter/demo/hf-token is empty or no single word" in done.stderr
    assert (host.run_dir / "vllm.env").read_text() == before
