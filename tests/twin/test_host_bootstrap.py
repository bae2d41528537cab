"""The scripts of a host are the ones it was launched with, or it does nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from lamplighter.local.hosts.bootstrap import Integrity, fetch, settings

Stored = dict[str, bytes]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def stored() -> Stored:
    files = {"setup.sh": b"echo\n", "bin/agent.py": b"pass\n", "deployment.env": b"MODEL=a b=c\n"}
    sums = "".join(f"{digest(content)}  {name}\n" for name, content in files.items())
    return {f"scripts/abc/{name}": content for name, content in files.items()} | {
        "scripts/abc/SHA256SUMS": sums.encode()
    }


def user_data(stored: Stored) -> str:
    sums = digest(stored["scripts/abc/SHA256SUMS"])
    return f"#!/bin/bash\nREGION=us-east-1\nBUCKET=b\nPREFIX=scripts/abc\nSUMS={sums}\nset -e\n"


def downloader(stored: Stored) -> Callable[[str, str, Path], None]:
    def download(bucket: str, key: str, target: Path) -> None:
        assert bucket == "b"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stored[key])

    return download


def test_every_listed_file_is_fetched_and_proved(stored: Stored, tmp_path: Path) -> None:
    fetch(user_data(stored), tmp_path / "opt", downloader(stored))

    found = {
        each.relative_to(tmp_path / "opt").as_posix() for each in (tmp_path / "opt").rglob("*")
    }
    assert found == {"setup.sh", "bin", "bin/agent.py", "deployment.env", "SHA256SUMS"}
    assert settings(tmp_path / "opt" / "deployment.env") == {"MODEL": "a b=c"}


@pytest.mark.parametrize("name", ["setup.sh", "SHA256SUMS"])
def test_a_changed_file_is_refused_and_nothing_is_in_place(
    stored: Stored, tmp_path: Path, name: str
) -> None:
    launched_with = user_data(stored)
    stored[f"scripts/abc/{name}"] += b"# changed\n"

    with pytest.raises(Integrity, match=name):
        fetch(launched_with, tmp_path / "opt", downloader(stored))

    assert not (tmp_path / "opt").exists()


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd"])
def test_a_manifest_cannot_lead_outside(stored: Stored, tmp_path: Path, path: str) -> None:
    stored["scripts/abc/SHA256SUMS"] += f"{digest(b'x')}  {path}\n".encode()

    with pytest.raises(Integrity, match="names no file"):
        fetch(user_data(stored), tmp_path / "opt", downloader(stored))


def test_user_data_without_sums_is_refused(stored: Stored, tmp_path: Path) -> None:
    text = user_data(stored).replace("SUMS=", "SUM=")

    with pytest.raises(Integrity, match="does not set SUMS"):
        fetch(text, tmp_path / "opt", downloader(stored))
