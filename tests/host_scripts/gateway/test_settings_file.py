"""The gateway's settings follow the bucket, and no error stops a gateway that works."""

from __future__ import annotations

import io
import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from gateway.settings.gateway_settings import Settings
from host.gateway.document import View
from host.gateway.settings_file import SettingsFile

WANTED = "123456789012/lamplighter-demo/gateway/0123456789abcdef.json"
KEY = "/inference/llm-key"
FALLBACK = {
    "url": "https://llm.example.com/v1", "fallback": True, "models": ["own"], "names": {},
    "headers": {}, "api_key_file": "fallback-0",
}  # fmt: skip
AWAY = EndpointConnectionError(endpoint_url="https://s3")


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetObject")


class Aws:
    """S3 with one object, and SSM with the parameters of keys."""

    def __init__(self) -> None:
        self.content, self.reads = b"", 0
        self.values = {KEY: "sk-theirs"}
        self.problem: Exception | None = None
        self.ssm_problem: Exception | None = None

    def has(self, **described: Any) -> None:
        self.content = json.dumps(
            {"settings": {}, "fallbacks": [], "keys": {}, **described}
        ).encode()

    def get_object(self, *, IfNoneMatch: str = "", **wanted: str) -> Any:  # noqa: N803
        assert list(wanted.values()) == WANTED.split("/", 2)
        if self.problem:
            raise self.problem
        tag = str(hash(self.content))
        if tag == IfNoneMatch:
            raise refused("304")
        self.reads += 1
        return {"Body": io.BytesIO(self.content), "ETag": tag}

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Any:  # noqa: N803
        assert WithDecryption
        if self.ssm_problem:
            raise self.ssm_problem
        if Name not in self.values:
            raise refused("ParameterNotFound")
        return {"Parameter": {"Value": self.values[Name]}}


@pytest.fixture
def aws() -> Aws:
    made = Aws()
    made.has(settings={"cors_origins": ["https://chat.example.com"]})
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


@pytest.fixture
def settings(aws: Aws, file: Path) -> SettingsFile:
    return SettingsFile(aws, aws, WANTED, file, View("http://vllm-0:8000", file.parent))


def backends(file: Path) -> list[str]:
    return [each["url"] for each in json.loads(file.read_text())["backends"]]


def test_the_gateway_gets_its_engine_and_what_the_specification_decides(
    settings: SettingsFile, aws: Aws, file: Path
) -> None:
    aws.has(settings={"max_n": 2}, fallbacks=[FALLBACK], keys={"fallback-0": KEY})

    assert settings.sync()

    found = json.loads(file.read_text())
    key = file.parent / "fallback-0"
    assert found == {
        "max_n": 2,
        "backends": [{"url": "http://vllm-0:8000"}, {**FALLBACK, "api_key_file": str(key)}],
    }
    assert key.read_text() == "sk-theirs\n"
    assert {stat.S_IMODE(each.stat().st_mode) for each in (key, file)} == {0o640}


def test_a_changed_document_and_a_rotated_key_are_followed_and_nothing_else_is_written(
    settings: SettingsFile, aws: Aws, file: Path
) -> None:
    aws.has(fallbacks=[FALLBACK], keys={"fallback-0": KEY})
    settings.sync()
    before = file.stat().st_ino
    aws.values[KEY] = "sk-theirs-2"

    settings.sync()
    assert (file.stat().st_ino, aws.reads) == (before, 1)
    assert (file.parent / "fallback-0").read_text() == "sk-theirs-2\n"

    aws.has(settings={"max_n": 3})
    settings.sync()
    assert json.loads(file.read_text())["max_n"] == 3
    assert list(file.parent.glob("fallback-*")) == []  # a key that nothing uses does not stay


@pytest.mark.parametrize(
    "problem", [AWAY, refused("AccessDenied"), refused("NoSuchKey"), refused("SlowDown")]
)
def test_what_cannot_be_read_leaves_the_last_good_settings(
    settings: SettingsFile, aws: Aws, file: Path, problem: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    settings.sync()
    before = file.read_text()
    aws.problem = problem

    with caplog.at_level(logging.WARNING):
        assert settings.sync()
        assert settings.sync()

    assert file.read_text() == before
    assert [each.levelname for each in caplog.records].count("WARNING") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b'{"settings": {}}', b"[" * 100_000,
        b'{"settings": {"backends": []}, "fallbacks": [], "keys": {}}',
        b'{"settings": {}, "fallbacks": [], "keys": {"../keys": "/inference/x"}}',
        b'{"settings": {}, "fallbacks": [{"api_key_file": "keys"}], "keys": {}}',
        b'{"settings": {}, "fallbacks": {}, "keys": {}}', b" " * (1024 * 1024 + 1),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_damaged_document_changes_nothing(
    settings: SettingsFile, aws: Aws, file: Path, content: bytes
) -> None:
    settings.sync()
    before = file.read_text()
    aws.content = content

    assert settings.sync()

    assert file.read_text() == before


def test_a_fallback_without_its_key_is_left_out_until_it_has_one(
    settings: SettingsFile, aws: Aws, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    aws.has(fallbacks=[FALLBACK], keys={"fallback-0": KEY})
    aws.values = {KEY: "two words"}
    settings.sync()
    assert backends(file) == ["http://vllm-0:8000"]
    assert KEY in caplog.text
    assert "two words" not in caplog.text

    aws.values = {KEY: "sk-theirs"}
    settings.sync()
    assert backends(file) == ["http://vllm-0:8000", "https://llm.example.com/v1"]

    aws.ssm_problem = AWAY  # the key that is there goes on working
    settings.sync()
    assert len(backends(file)) == 2


def test_without_settings_there_is_no_gateway(settings: SettingsFile, aws: Aws) -> None:
    aws.problem = AWAY

    assert not settings.sync()


def test_what_the_host_writes_is_a_document_of_the_gateway(
    settings: SettingsFile, aws: Aws, file: Path
) -> None:
    aws.has(settings={"cors_origins": ["*"]})
    settings.sync()

    assert Settings.load(file, {}).cors_origins == ("*",)
