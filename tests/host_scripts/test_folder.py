"""What lies in host_scripts/: shape, linters, and nothing that should not be uploaded."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from host_scripts.sandbox import ROOT, SCRIPTS, SETTINGS, render
from orchestrator.aws import naming
from orchestrator.launch import rendering
from orchestrator.settings import Settings
from orchestrator.spec.parsing import parse

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.launch.rendering import HostFiles

STEPS = sorted((SCRIPTS / "steps").glob("*.sh"))
SHELL = [*sorted(SCRIPTS.glob("*.sh")), *STEPS]
REGION = "ap-southeast-5"
ACCOUNT = "123456789012"
LONGEST = "a-name-of-twenty-four-ch"


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


def rendered(stack: str, **spec: Any) -> HostFiles:
    """Return what the orchestrator makes of this folder, for a stack so named."""
    settings = Settings(
        installation=stack, partition="aws", region=REGION, account=ACCOUNT,
        ledger_table="t", event_bus=stack, image_project="i",
        host_boundary="arn:aws:iam::123456789012:policy/hosts", earlier_profile="p",
        repair_machine="m", payload=SCRIPTS, image_owners=(), settle_seconds=60,
        step_seconds=60, host_silence_seconds=600,
    )  # fmt: skip
    return rendering.render(SCRIPTS, parse({"name": LONGEST, "model": "m", **spec}), settings, "i")


def test_user_data_is_clean_too(tmp_path: Path) -> None:
    (tmp_path / "user_data.py").write_text(rendered("lamplighter").user_data)

    done = subprocess.run(
        [tool("ruff"), "check", "--isolated", "--no-cache", "--target-version=py310",
         "--select=E9,F,B", "--config=builtins=['fetch']", tmp_path / "user_data.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_user_data_fits_into_1536_bytes_with_the_longest_names() -> None:
    user_data = rendered("a" * 128).user_data  # as long as CloudFormation lets a stack's name be

    assert user_data.startswith("#!/usr/bin/python3\n")
    assert len(user_data.encode()) <= 1536


def test_user_data_carries_its_variables_each_on_a_line_of_its_own() -> None:
    host = rendered("lamplighter")

    sums = hashlib.sha256(host.files["SHA256SUMS"]).hexdigest()
    program = hashlib.sha256(host.files["fetch.py"]).hexdigest()
    assert {
        f'region = "{REGION}"',
        f'deployment = "{LONGEST}"',
        f'account = "{ACCOUNT}"',
        f'bucket = "{naming.bucket(LONGEST, ACCOUNT, REGION)}"',
        f'folder = "scripts/{sums}"',
        'event_bus = "lamplighter"',
        f'program_sha256 = "{program}"',
    } <= set(host.user_data.splitlines())
    assert host.prefix == f"scripts/{sums}"


def test_the_sums_are_those_of_all_other_files() -> None:
    host = rendered("lamplighter")

    sums = re.findall(r"^([0-9a-f]{64})  (.+)$", host.files["SHA256SUMS"].decode(), re.MULTILINE)
    assert {name: digest for digest, name in sums} == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in host.files.items()
        if name != "SHA256SUMS"
    }


def test_only_user_data_the_settings_and_nginx_are_templates() -> None:
    templates = {path.name for path in SCRIPTS.rglob("*.j2")}
    with_braces = {
        path.name: found
        for path in SCRIPTS.rglob("*")
        if path.is_file() and path.suffix not in {".j2", ".py", ".pyc"}
        if (found := re.findall(r"'?{{.*}}'?", path.read_text()))
    }

    assert templates == {"bootstrap.py.j2", "deployment.env.j2", "nginx.conf.j2"}
    # docker's own language, which it reads in quotes
    assert with_braces == {"50-services.sh": ["'{{range .IPAM.Config}},{{.Gateway}}{{end}}'"]}


def test_the_settings_have_exactly_the_agreed_keys() -> None:
    text = render("deployment.env.j2", **SETTINGS)

    keys = re.findall(r"^([A-Z_]+)=", text, re.MULTILINE)
    assert keys == [key.upper() for key in SETTINGS]


def test_a_limit_of_requests_changes_nginx_alone() -> None:
    limited = rendered("lamplighter", gateway={"requests_per_minute_per_address": 30}).files

    plain = rendered("lamplighter").files
    changed = {name for name in plain if plain[name] != limited[name]}
    assert changed == {"nginx.conf", "SHA256SUMS", "deployment.env"}
    lines = (set(each["deployment.env"].splitlines()) for each in (plain, limited))
    assert {line.split(b"=")[0] for line in set.symmetric_difference(*lines)} == {
        b"GATEWAY_SETTINGS"  # a host of its own follows settings of its own
    }
    assert b"rate=30r/m;" in limited["nginx.conf"]
    assert b"limit_req" not in plain["nginx.conf"]


def test_nothing_else_would_be_uploaded() -> None:
    files = [p for p in SCRIPTS.rglob("*") if p.is_file() and "__pycache__" not in p.parts]

    assert {path.suffix for path in files} == {
        *(".sh", ".j2", ".py"),
        *(".service", ".target", ".path", ".timer", ".conf"),
    }
    assert not [path for path in files if "test" in path.name]


@pytest.mark.parametrize("script", [*STEPS, SCRIPTS / "recover.sh"], ids=lambda path: path.name)
def test_every_step_states_its_contract(script: Path) -> None:
    header = script.read_text().split("\n\n")[0]

    assert all(f"# {word}" in header for word in ("Needs:", "Changes:", "Re-run:"))


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_no_failure_is_swallowed(script: Path) -> None:
    assert not re.search(r"\|\| *(true|:|echo)", script.read_text())
