"""Keys: who is let in, and how the set changes under a running gateway."""

import logging
from hashlib import sha256
from pathlib import Path

import pytest
from gatewaylab.model_server import ModelServer
from gatewaylab.running import KEY, Running
from inference_proxy.auth import InvalidKeysFile, Keys
from inference_proxy.errors import InvalidKey


def line(key_id: str, key: str) -> str:
    return f"{key_id} {sha256(key.encode()).hexdigest()}\n"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer sk-wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer \u00e9"],
)
async def test_a_request_without_a_good_key_is_refused_and_goes_no_further(
    gateway: Running, model_server: ModelServer, authorization: str
) -> None:
    headers = {b"authorization": authorization.encode()}

    answer = await gateway.client.post("/v1/completions", json={}, headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert model_server.inference() == []


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/tiny", "/version"])
async def test_reading_needs_a_key_too(gateway: Running, path: str) -> None:
    del gateway.client.headers["authorization"]

    answer = await gateway.client.get(path)

    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_health_needs_no_key(gateway: Running, path: str) -> None:
    del gateway.client.headers["authorization"]

    answer = await gateway.client.get(path)

    assert answer.status_code == 200


async def test_a_changed_file_changes_who_is_let_in(gateway: Running, keys_file: Path) -> None:
    assert (await gateway.chat()).status_code == 200

    keys_file.write_text(line("bob", "sk-new"))  # noqa: ASYNC240 -- a few bytes

    assert (await gateway.chat()).status_code == 401
    gateway.client.headers["authorization"] = "Bearer sk-new"
    assert (await gateway.chat()).status_code == 200


@pytest.mark.parametrize(
    "broken", ["", "alice 12ab", "alice\n", "\u00e9", "# new\nalice " + "g" * 64]
)
def test_a_file_that_is_no_keys_file_keeps_the_last_good_keys(
    keys_file: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    keys = Keys(keys_file)

    keys_file.write_text(broken)

    assert keys.identify(f"Bearer {KEY}".encode()) == "alice"
    assert keys.identify(f"Bearer {KEY}".encode()) == "alice"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_file_that_vanishes_keeps_the_last_good_keys(keys_file: Path) -> None:
    keys = Keys(keys_file)

    keys_file.unlink()

    assert keys.identify(f"Bearer {KEY}".encode()) == "alice"


def test_a_file_of_comments_only_lets_nobody_in(keys_file: Path) -> None:
    keys = Keys(keys_file)

    keys_file.write_text("# all revoked\n")

    with pytest.raises(InvalidKey):
        keys.identify(f"Bearer {KEY}".encode())


def test_two_keys_of_one_name_are_both_good_while_they_rotate(keys_file: Path) -> None:
    keys_file.write_text(line("alice", "sk-old") + line("alice", "sk-new"))

    keys = Keys(keys_file)

    assert keys.identify(b"Bearer sk-old") == keys.identify(b"bearer  sk-new ") == "alice"


def test_a_gateway_does_not_start_on_a_file_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeysFile, match="cannot be read"):
        Keys(tmp_path / "missing")


def test_keys_do_not_show_what_they_know(keys_file: Path) -> None:
    keys = Keys(keys_file)

    assert sha256(KEY.encode()).hexdigest() not in repr(keys)
    assert repr(keys) == f"Keys(1 of {keys_file})"
