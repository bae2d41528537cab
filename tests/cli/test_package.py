"""The command installs alone: `pip install ./cli` brings what the commands for AWS import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

from template_files import ROOT
from twin import control, installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    from clilab.fixture_types import Run

CLI = ROOT / "cli" / "lamplighter"
# What the dependencies are imported as; botocore is boto3's own.
DISTRIBUTIONS = {"yaml": "pyyaml", "botocore": "boto3"}
READ_BY_PYTHON = {"tzdata"}  # by zoneinfo, on systems without time zones
# Run in a checkout's environment only.
CHECKOUT = "demo"


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level packages that importing the module imports."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "cli" / "pyproject.toml").read_text())["project"]
    return {re.split(r"[^a-z0-9-]", one)[0] for one in project["dependencies"]}


def test_what_the_commands_import_is_declared() -> None:
    modules = [
        path for path in CLI.rglob("*.py") if not str(path.relative_to(CLI)).startswith(CHECKOUT)
    ]

    names = {name for path in modules for name in imported(path)} - set(sys.stdlib_module_names)

    assert {DISTRIBUTIONS.get(name, name) for name in names - {"lamplighter"}} == (
        declared() - READ_BY_PYTHON
    )


def test_the_commands_load_nothing_that_only_a_checkout_has() -> None:
    foreign = {"aiohttp", "gateway", "ministack", "openai", "orchestrator", "samcli"}
    show = "import lamplighter.main, sys; print(*{name.split('.')[0] for name in sys.modules})"

    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)

    assert (foreign | {"twin"}) & set(done.stdout.split()) == set()


def test_a_twin_outside_a_checkout_says_where_it_runs(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(control, "PROJECT", tmp_path)
    assert installation.is_here(ROOT)

    result = lamplighter("--state-dir", str(tmp_path / "state"), "local", "up")

    assert result.exit_code == 5
    assert "the local twin runs from a checkout of Lamplighter" in result.stderr


def test_the_command_alone_says_that_the_twin_is_not_installed(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "twin.control", None)

    result = lamplighter("local", "status")

    assert result.exit_code == 5
    assert "the local twin runs from a checkout of Lamplighter" in result.stderr
