"""The systemd units as they stand: what the containers may do, and when a restart loop ends."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise

import pytest
from host_scripts.sandbox import SCRIPTS, SETTINGS, render

UNITS = sorted((SCRIPTS / "files").glob("*.service"))
CONTAINERS = ["vllm.service", "inference-app.service"]
ABSENT_HERE = re.compile(r"docker\.service not found|/usr/bin/docker is not executable")


def text(unit: str) -> str:
    return (SCRIPTS / "files" / unit).read_text().replace("\\\n", " ")


def start_line(unit: str) -> list[str]:
    found = re.search(r"^ExecStart=(.*)$", text(unit), re.MULTILINE)
    assert found
    return found[1].split()


def values_of(line: list[str], flag: str) -> list[str]:
    return [value for name, value in pairwise(line) if name == flag]


@pytest.mark.parametrize("unit", CONTAINERS)
def test_a_container_is_confined(unit: str) -> None:
    line = start_line(unit)

    assert {"--init", "--read-only", "--rm"} <= set(line)
    assert values_of(line, "--cap-drop") == ["ALL"]
    assert values_of(line, "--security-opt") == ["no-new-privileges"]
    assert not {"--privileged", "--network=host", "--ipc=host"} & set(line)
    assert values_of(line, "--network") == ["lamplighter"]
    assert "docker.sock" not in text(unit)


@pytest.mark.parametrize("unit", CONTAINERS)
def test_a_container_is_published_on_loopback_only(unit: str) -> None:
    published = values_of(start_line(unit), "--publish")

    assert len(published) == 1
    assert published[0].startswith("127.0.0.1:")


def test_the_gateway_is_not_root_and_its_group_is_the_keys_group() -> None:
    script = (SCRIPTS / "lib.sh").read_text()

    assert values_of(start_line("inference-app.service"), "--user") == ["10001:10001"]
    assert "GATEWAY_USER:-10001" in script
    assert "GATEWAY_GROUP:-10001" in script


def test_the_gateway_reads_keys_and_status_and_writes_its_counts_only() -> None:
    volumes = values_of(start_line("inference-app.service"), "--volume")

    assert volumes == [
        "/etc/lamplighter/gateway:/etc/gateway:ro",
        "/var/lib/lamplighter/gateway:/var/lib/gateway",
    ]


def test_the_agent_writes_nothing_but_what_the_gateway_reads_and_is_not_root() -> None:
    unit = text("lamplighter-agent.service")
    written = re.findall(r"_FILE=(/etc/\S+)", unit)

    assert re.findall(r"ReadWritePaths=(.*)", unit) == ["/etc/lamplighter/gateway"]
    assert written == ["/etc/lamplighter/gateway/keys", "/etc/lamplighter/gateway/status"]
    assert "lamplighter-gateway" in re.findall(r"SupplementaryGroups=(.*)", unit)[0].split()
    assert {"DynamicUser=yes", "CapabilityBoundingSet="} <= set(unit.splitlines())


def test_vllm_gets_its_model_as_one_word_and_its_flags_as_many() -> None:
    line = start_line("vllm.service")

    assert line[-1] == "$VLLM_ARGS"
    assert values_of(line, "--model") == ["${MODEL}"]
    assert values_of(line, "--publish") == ["127.0.0.1:${VLLM_PORT}:8000"]


def test_the_token_is_on_no_command_line() -> None:
    line = start_line("vllm.service")

    assert [word for word in line if "HF_TOKEN" in word] == ["HF_TOKEN"]
    assert "EnvironmentFile=-/run/lamplighter/vllm.env" in text("vllm.service")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_every_setting_that_a_unit_uses_is_in_deployment_env(unit: object) -> None:
    settings = render("deployment.env.j2", **SETTINGS)

    used = re.findall(r"\$\{?([A-Z_]+)\}?", text(getattr(unit, "name", "")))
    assert [key for key in used if f"\n{key}=" not in settings] == []


@pytest.mark.parametrize("unit", CONTAINERS)
def test_a_crash_loop_ends(unit: str) -> None:
    assert "Restart=always" in text(unit)
    assert int(re.findall(r"StartLimitBurst=(\d+)", text(unit))[0]) <= 10
    assert int(re.findall(r"StartLimitIntervalSec=(\d+)", text(unit))[0]) > 0


def test_the_agent_always_comes_back() -> None:
    assert "StartLimitIntervalSec=0" in text("lamplighter-agent.service")


def test_the_clean_up_at_boot_removes_stopped_containers_of_ours_only() -> None:
    line = start_line("inference-cleanup.service")

    assert line[1:3] == ["container", "prune"]
    assert values_of(line, "--filter") == ["label=lamplighter"]
    assert all(values_of(start_line(unit), "--label") == ["lamplighter"] for unit in CONTAINERS)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_no_failure_is_ignored_but_the_removal_of_what_is_not_there(unit: object) -> None:
    ignored = re.findall(r"^Exec\w+=-.*$", text(getattr(unit, "name", "")), re.MULTILINE)

    assert all(line.startswith("ExecStartPre=-/usr/bin/docker rm --force ") for line in ignored)


def test_systemd_understands_every_line_and_the_agent_is_confined() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:  # a desktop without systemd: the tests above still read the units
        return
    agent = str(SCRIPTS / "files" / "lamplighter-agent.service")

    verified = subprocess.run(
        [program, "verify", *map(str, UNITS)], capture_output=True, text=True, check=False
    )
    scored = subprocess.run(
        [program, "security", "--offline=true", "--threshold=20", agent],
        capture_output=True,
        text=True,
        check=False,
    )

    complaints = verified.stderr.splitlines()
    assert [line for line in complaints if not ABSENT_HERE.search(line)] == []
    assert scored.returncode == 0, scored.stdout
