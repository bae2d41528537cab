"""`lamplighter gateway` as a process: what the gateway is handed, and how the two end together."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clilab.fixture_types import Run

KEY = "a-key-of-my-own"
BACKEND = ("--backend", "http://127.0.0.1:8000")
# Stands in for the gateway: tells what it was given, then waits for a signal and says which.
STAND_IN = """
import json, os, pathlib, signal, sys, time
keys = os.environ.get("INFERENCE_KEYS_FILE")
facts = {
    "arguments": sys.argv[1:], "pid": os.getpid(), "group": os.getpgid(0),
    "settings": {k: v for k, v in os.environ.items() if k.startswith(("INFERENCE_", "LAMP"))},
}
backend_key = os.environ.get("INFERENCE_BACKEND_KEY_FILE")
if backend_key:
    path = pathlib.Path(backend_key)
    facts |= {"backend_key": path.read_text(), "backend_key_mode": path.stat().st_mode}
if keys and pathlib.Path(keys).exists():
    path = pathlib.Path(keys)
    facts |= {"keys": json.loads(path.read_text())["keys"], "mode": path.stat().st_mode,
              "folder_mode": path.parent.stat().st_mode}
signals = []
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, _: signals.append(number))
written = pathlib.Path(os.environ["FACTS_FILE"])
written.with_suffix(".new").write_text(json.dumps(facts))
written.with_suffix(".new").rename(written)
if os.environ.get("DIES"):
    os.kill(os.getpid(), signal.SIGKILL)
while not signals and not os.environ.get("ENDS"):
    time.sleep(0.01)
time.sleep(0.2)
print("signals", *map(int, signals), flush=True)
sys.exit(int(os.environ.get("ENDS", 7)))
"""


class Gateway:
    """One run of the command with the stand-in in the place of the gateway."""

    def __init__(self, folder: Path) -> None:
        package = folder / "gateway"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(STAND_IN)
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.facts_file = folder / "facts"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(folder),
            "TMPDIR": str(self.temporary),
            "FACTS_FILE": str(self.facts_file),
        }
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """Return what the stand-in was given."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lamplighter", *arguments],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 20
        while not self.facts_file.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        facts: dict[str, Any] = json.loads(self.facts_file.read_text())
        return facts

    def end(self, number: signal.Signals | None = signal.SIGTERM) -> tuple[int, str, str]:
        assert self.process
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.communicate()


def test_without_a_key_the_command_becomes_the_gateway(gateway: Gateway) -> None:
    facts = gateway.start("gateway", *BACKEND, "--backend", "http://gpu2:8000/v1", "--port", "8081")

    assert gateway.process
    assert facts["pid"] == gateway.process.pid
    assert facts["arguments"] == ["--host", "127.0.0.1", "--port", "8081"]
    assert facts["settings"] == {"INFERENCE_BACKENDS": "http://127.0.0.1:8000,http://gpu2:8000"}
    status, out, err = gateway.end()
    assert status == 7
    assert "try it once it is listening:  curl http://127.0.0.1:8081/v1/models\n" in out
    assert "open: every program of this machine may ask" in err


def test_its_own_settings_are_passed_on_and_a_document_is_named(
    gateway: Gateway, tmp_path: Path
) -> None:
    document = tmp_path / "gateway.yaml"
    document.write_text("max_n: 4\n")

    facts = gateway.start("gateway", "--config", str(document), INFERENCE_MAX_DEPTH="16")

    assert facts["settings"] == {"INFERENCE_CONFIG": str(document), "INFERENCE_MAX_DEPTH": "16"}
    assert "open:" not in gateway.end()[2]  # the document may name keys: the gateway knows


def test_keys_reach_the_gateway_as_salted_hashes_that_only_this_user_reads(
    gateway: Gateway,
) -> None:
    facts = gateway.start(
        "gateway", *BACKEND, "--host", "0.0.0.0", LAMPLIGHTER_GATEWAY_KEY=f"{KEY} other {KEY}"
    )

    assert [one["id"] for one in facts["keys"]] == ["key-1", "key-2"]
    for one, key in zip(facts["keys"], (KEY, "other"), strict=True):
        salted = bytes.fromhex(one["salt"]) + key.encode()
        assert one["sha256"] == hashlib.sha256(salted).hexdigest()
        assert one["foreign"] is True
    assert stat.S_IMODE(facts["mode"]) == 0o600
    assert stat.S_IMODE(facts["folder_mode"]) == 0o700
    assert set(facts["settings"]) == {"INFERENCE_BACKENDS", "INFERENCE_KEYS_FILE"}
    _, out, err = gateway.end()
    assert KEY not in out + err
    assert """printf 'Authorization: Bearer %s' "$LAMPLIGHTER_GATEWAY_KEY" | curl""" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_passed_on_once_and_nothing_is_left(
    gateway: Gateway, number: signal.Signals
) -> None:
    facts = gateway.start("gateway", *BACKEND, LAMPLIGHTER_GATEWAY_KEY=KEY)
    assert len(list(gateway.temporary.iterdir())) == 1

    status, out, _ = gateway.end(number)

    assert status == 7
    assert f"signals {int(number)}\n" in out
    assert facts["group"] == facts["pid"], "Ctrl-C at the terminal must not reach it twice"
    assert list(gateway.temporary.iterdir()) == []


@pytest.mark.parametrize(("how", "status"), [({"ENDS": "3"}, 3), ({"DIES": "yes"}, 128 + 9)])
def test_the_gateways_own_end_is_the_commands(
    gateway: Gateway, how: dict[str, str], status: int
) -> None:
    gateway.start("gateway", *BACKEND, LAMPLIGHTER_GATEWAY_KEY=KEY, **how)

    assert gateway.end(None)[0] == status
    assert list(gateway.temporary.iterdir()) == []


def test_the_gateway_does_not_outlive_a_killed_command(gateway: Gateway) -> None:
    facts = gateway.start("gateway", *BACKEND, LAMPLIGHTER_GATEWAY_KEY=KEY)

    gateway.end(signal.SIGKILL)

    deadline = time.monotonic() + 5
    while running(facts["pid"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_servers_own_key_comes_from_a_file(gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "upstream"
    file.write_text(KEY)

    facts = gateway.start("gateway", *BACKEND, "--backend-key-file", str(file))

    assert gateway.process
    assert facts["pid"] == gateway.process.pid
    assert facts["settings"]["INFERENCE_BACKEND_KEY_FILE"] == str(file)


@pytest.mark.parametrize("guarded", [False, True])
def test_the_servers_own_key_may_come_from_the_environment(
    gateway: Gateway, *, guarded: bool
) -> None:
    more = {"LAMPLIGHTER_GATEWAY_KEY": "another"} if guarded else {}

    facts = gateway.start("gateway", *BACKEND, LAMPLIGHTER_BACKEND_KEY=KEY, **more)

    assert facts["backend_key"] == KEY
    assert stat.S_IMODE(facts["backend_key_mode"]) == 0o600
    assert not [name for name in facts["settings"] if name.startswith("LAMPLIGHTER_")]
    _, out, err = gateway.end()
    assert KEY not in out + err
    assert list(gateway.temporary.iterdir()) == []


def test_a_backend_key_that_no_header_can_carry_is_reported_and_not_repeated(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_BACKEND_KEY", "two words")

    result = lamplighter("gateway", *BACKEND)

    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "LAMPLIGHTER_BACKEND_KEY is one word of printable ASCII characters" in said
    assert "two words" not in said


def test_a_key_on_the_command_line_is_warned_of(gateway: Gateway) -> None:
    gateway.start("gateway", *BACKEND, "--key", KEY)

    _, out, err = gateway.end()

    assert "other users of this machine can see --key" in err
    assert KEY not in out + err


def test_the_first_words_are_a_document_for_machines(gateway: Gateway) -> None:
    gateway.start("--json", "gateway", *BACKEND, "--host", "::1", "--port", "8082")

    _, out, _ = gateway.end()

    assert json.loads(out.splitlines()[0]) == {
        "url": "http://[::1]:8082/v1",
        "backends": ["http://127.0.0.1:8000"],
        "open": True,
    }


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gpu.example.com"])
def test_an_open_gateway_listens_on_this_machine_only(lamplighter: Run, host: str) -> None:
    result = lamplighter("gateway", *BACKEND, "--host", host)

    assert result.exit_code == 2
    assert f"--host {host} without a key would admit every caller" in result.stderr


def test_a_gateway_in_front_of_nothing_is_wrong_usage(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INFERENCE_BACKENDS", raising=False)
    monkeypatch.delenv("INFERENCE_CONFIG", raising=False)

    result = lamplighter("gateway")

    assert result.exit_code == 2
    assert "name a server with --backend" in result.stderr


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://gpu",
        "http://",
        "http://gpu:0",
        "http://gpu:none",
        "http://gpu/openai",
        "http://gpu?a=b",
        "http://me:secret@gpu",
        "http://gpu,http://gpu2",
    ],
)
def test_a_backend_that_is_no_server_is_reported(lamplighter: Run, url: str) -> None:
    result = lamplighter("gateway", "--backend", url)

    assert result.exit_code == 2
    assert "is no server: write http://127.0.0.1:8000" in " ".join(result.stderr.split())


@pytest.mark.parametrize("key", ["", "two words", "ümlaut", "tab\t"])
def test_a_key_that_no_header_can_carry_is_reported_and_not_repeated(
    lamplighter: Run, key: str
) -> None:
    result = lamplighter("gateway", *BACKEND, f"--key={key}")

    assert result.exit_code == 2
    assert "one word of printable ASCII characters" in " ".join(result.stderr.split())
    assert not key or key not in result.stderr


def test_a_key_beside_a_keys_file_is_wrong_usage(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERENCE_KEYS_FILE", "/etc/gateway/keys")
    monkeypatch.setenv("LAMPLIGHTER_GATEWAY_KEY", KEY)

    result = lamplighter("gateway", *BACKEND)

    assert result.exit_code == 2
    assert "the gateway reads one of them" in result.stderr


def test_without_the_gateways_package_it_says_where_it_comes_from(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    result = lamplighter("gateway", *BACKEND)

    assert result.exit_code == 5
    assert "run `make setup`" in result.stderr
