"""What setup.sh or a journal says may hold a secret; what the agent reports does not."""

from __future__ import annotations

import json
import time

import pytest
from host.agent import spool
from host.machine.masking import masked


def test_a_failed_step_is_reported_without_its_secrets(tmp_path):
    line = {
        "phase": "failed",
        "percent": 0,
        "cause": "pull with hf_abcDEF123 and sk-xyz_789 failed",
    }
    (tmp_path / "phase").write_text(json.dumps(line))

    state = spool.read(tmp_path / "phase")

    assert state is not None
    assert state.cause == "pull with hf_*** and sk-*** failed"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("HF_TOKEN=hf_abcdefgh12345678", "HF_TOKEN=hf_***"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key AKIA*** used"),
        ("Authorization: Bearer abc.def-ghi_jkl", "Authorization: Bearer ***"),
        ("eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl", "eyJ***"),
        ("https://me:s3cret-word@host/x", "https://me:***@host/x"),
        ('{"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG"}', '{"SecretAccessKey": "***"}'),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = ***"),
        ("X-Api-Key: 0123456789abcdef", "X-Api-Key: ***"),
        ("password='correct-horse'", "password='***'"),
        (
            "a\n-----BEGIN EC PRIVATE KEY-----\nMHcC\nAQEE\n-----END EC PRIVATE KEY-----\nb",
            "a\n-----BEGIN EC PRIVATE KEY-----***-----END EC PRIVATE KEY-----\nb",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMHcC cut off", "-----BEGIN PRIVATE KEY-----***"),
    ],
)
def test_every_kind_of_secret_is_cut_down_to_its_kind(said: str, told: str) -> None:
    assert masked(said) == told


@pytest.mark.parametrize(
    "said",
    [
        "set engine.hf_token_parameter",
        "max_tokens: 1048576000, tokens: 123456789",
        "HF_TOKEN_PARAMETER=/lamplighter/demo/hf-token",
        "API_KEY_PARAMETER=/lamplighter/demo/api-key",
        "https://infer.example.com:8443/v1",
        "sha256:0123456789abcdef0123456789abcdef",
    ],
)
def test_what_is_no_secret_stays(said: str) -> None:
    assert masked(said) == said


@pytest.mark.parametrize(
    "piece", ["a-", "eyJ-", "://", "token", "hf_", "-----BEGIN PRIVATE KEY-----"]
)
def test_four_times_the_text_takes_about_four_times_as_long(piece: str) -> None:
    def seconds(length: int) -> float:
        began = time.process_time()
        masked(piece * (length // len(piece)))
        return time.process_time() - began

    assert seconds(400_000) < 8 * seconds(100_000) + 0.1
