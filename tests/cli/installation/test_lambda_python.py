"""Which python3.12 the functions are built with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lamplighter.installation import lambda_python
from lamplighter.installation.lambda_python import MissingPython, find, first_on_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_uv_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_python, "sys", type("Elsewhere", (), {"executable": "/x/python"}))


def program(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def interpreter(file: Path, version: str = "3.12") -> Path:
    return program(file, f"printf '{version}\\n{file}\\n'")


def shim(file: Path) -> Path:
    return program(file, "echo 'pyenv: python3.12: command not found' >&2; exit 127")


def path(*folders: Path) -> dict[str, str]:
    return {"PATH": ":".join([*map(str, folders), "/usr/bin", "/bin"])}


def test_the_first_one_on_path_that_runs_is_taken(tmp_path: Path) -> None:
    shim(tmp_path / "shims" / "python3.12")
    real = interpreter(tmp_path / "real" / "python3.12")

    found = find(path(tmp_path / "shims", tmp_path / "none", tmp_path / "real"))

    assert found == real
    assert first_on_path(found, {"PATH": "/bin"})["PATH"] == f"{real.parent}:/bin"


def test_a_shim_is_replaced_by_the_interpreter_that_it_starts(tmp_path: Path) -> None:
    real = interpreter(tmp_path / "versions" / "3.12.1" / "bin" / "python3.12")
    program(tmp_path / "shims" / "python3.12", f'exec {real} "$@"')

    assert find(path(tmp_path / "shims")) == real


def test_one_that_uv_knows_is_found(tmp_path: Path) -> None:
    real = interpreter(tmp_path / "uv" / "cpython-3.12" / "bin" / "python3.12")
    program(tmp_path / "bin" / "uv", f'[ "$1 $2" = "python find" ] && echo {real}')

    assert find(path(tmp_path / "bin")) == real


def test_one_that_pyenv_installed_is_found_the_newest_first(tmp_path: Path) -> None:
    for version in ("3.12.1", "3.12.9"):
        newest = interpreter(tmp_path / "root" / "versions" / version / "bin" / "python3.12")
    interpreter(tmp_path / "root" / "versions" / "3.13.0" / "bin" / "python3.13", "3.13")
    program(tmp_path / "bin" / "pyenv", f'[ "$1" = root ] && echo {tmp_path}/root')

    assert find(path(tmp_path / "bin")) == newest


@pytest.mark.parametrize("text", ["exit 1", "echo 3.11; echo /usr/bin/python3.12", "echo"])
def test_what_does_not_run_or_is_another_version_is_named_with_the_remedies(
    tmp_path: Path, text: str
) -> None:
    """Without pip the question itself fails."""
    wrong = program(tmp_path / "wrong" / "python3.12", text)

    with pytest.raises(MissingPython) as refused:
        find(path(tmp_path / "wrong"))

    assert f"({wrong} does not run or has no pip)" in str(refused.value)
    for remedy in ("`uv python install 3.12`", "`pyenv install 3.12`", "`apt-get install python3"):
        assert remedy in str(refused.value)
