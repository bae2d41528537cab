"""What lies in host_scripts/: shape, linters, and nothing that should not be uploaded."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from host_scripts.sandbox import ROOT, SCRIPTS, SETTINGS, render

if TYPE_CHECKING:
    from pathlib import Path

SHELL = sorted(SCRIPTS.glob("*.sh"))
STEPS = sorted(SCRIPTS.glob("[0-9][0-9]-*.sh"))
WORST = {
    "region": "ap-southeast-5",
    "bucket": "b" * 63,
    "prefix": "scripts/" + "a" * 16,
    "sums_sha256": "f" * 64,
}


def tool(name: str) -> str:
    beside = f"{sys.exec_prefix}/bin/{name}"
    return shutil.which(beside) or str(shutil.which(name))


def assert_clean(script: Path) -> None:
    for command in (["shellcheck", "-x", "-P", str(ROOT)], ["shfmt", "-i", "2", "-ci", "-d"]):
        done = subprocess.run(
            [tool(command[0]), *command[1:], script], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_shellcheck_and_shfmt_are_silent(script: Path) -> None:
    assert_clean(script)


def test_the_rendered_bootstrap_is_clean_too(tmp_path: Path) -> None:
    script = tmp_path / "bootstrap.sh"
    script.write_text(render("bootstrap.sh.j2", **WORST))

    assert_clean(script)


def test_user_data_fits_into_a_kilobyte_with_the_longest_names() -> None:
    assert len(render("bootstrap.sh.j2", **WORST).encode()) <= 1024


def test_user_data_carries_its_four_variables_each_on_a_line_of_its_own() -> None:
    lines = render("bootstrap.sh.j2", **WORST).splitlines()

    assert {
        f"REGION={WORST['region']}",
        f"BUCKET={WORST['bucket']}",
        f"PREFIX={WORST['prefix']}",
        f"SUMS={WORST['sums_sha256']}",
    } <= set(lines)


def test_only_the_bootstrap_the_settings_and_nginx_are_templates() -> None:
    templates = {path.name for path in SCRIPTS.rglob("*.j2")}
    with_braces = {
        path.name
        for path in SCRIPTS.rglob("*")
        if path.is_file() and path.suffix not in {".j2", ".py", ".pyc"} and "{{" in path.read_text()
    }

    assert templates == {"bootstrap.sh.j2", "deployment.env.j2", "nginx.conf.j2"}
    assert with_braces == set()


def test_the_settings_have_exactly_the_agreed_keys() -> None:
    text = render("deployment.env.j2", **SETTINGS)

    keys = re.findall(r"^([A-Z_]+)=", text, re.MULTILINE)
    assert keys == [key.upper() for key in SETTINGS]


def test_nothing_else_would_be_uploaded() -> None:
    files = [p for p in SCRIPTS.rglob("*") if p.is_file() and "__pycache__" not in p.parts]

    assert {path.suffix for path in files} == {
        *(".sh", ".j2", ".py"),
        *(".service", ".target", ".path", ".timer", ".conf"),
    }
    assert not [path for path in files if "test" in path.name]


@pytest.mark.parametrize("step", STEPS, ids=lambda path: path.name)
def test_every_step_states_its_contract(step: Path) -> None:
    header = step.read_text().split("\n\n")[0]

    assert all(f"# {word}" in header for word in ("Needs:", "Changes:", "Re-run:"))


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_no_failure_is_swallowed(script: Path) -> None:
    assert not re.search(r"\|\| *(true|:|echo)", script.read_text())
