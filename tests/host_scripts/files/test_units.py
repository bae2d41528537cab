"""The systemd units as they stand: what the containers may do, and when a restart loop ends."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from gateway.settings.gateway_settings import Settings
from host_scripts.sandbox import SCRIPTS, SETTINGS, render

UNITS = sorted((SCRIPTS / "files").glob("*.service"))
CONTAINERS = ["vllm@.service", "inference-app.service"]
KINDS = {".path", ".service", ".target", ".timer"}
FILES = sorted(path for path in (SCRIPTS / "files").iterdir() if path.suffix in KINDS)
# Tenths: 2.0 for what is ours alone, 5.0 for what tells docker what to run.
EXPOSED = dict.fromkeys(CONTAINERS, 50) | {
    "inference-cleanup.service": 50,
    "inference-verify.service": 20,
    "lamplighter-agent.service": 20,
    "lamplighter-certificate.service": 20,
    "lamplighter-drain.service": 50,
    "lamplighter-machine.service": 20,
    "lamplighter-repair.service": 50,
    "lamplighter-secrets.service": 20,
    "vllm.service": 20,
}
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing"
)


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


def text(unit: str) -> str:
    return (SCRIPTS / "files" / unit).read_text().replace("\\\n", " ")


def start_line(unit: str) -> list[str]:
    found = re.search(r"^ExecStart=(.*)$", text(unit), re.MULTILINE)
    assert found
    return found[1].split()


def values_of(line: list[str], flag: str) -> list[str]:
    return [value for name, value in pairwise(line) if name == flag]


def test_the_gateways_memory_is_bounded_well_above_the_bodies_that_it_may_hold() -> None:
    line = start_line("inference-app.service")
    [memory], [with_swap] = values_of(line, "--memory"), values_of(line, "--memory-swap")

    assert memory == with_swap  # no swap
    assert memory.endswith("g")
    bodies = Settings().max_bodies
    assert int(memory[:-1]) * 1024**3 >= 3 * (bodies + bodies // 8)


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
def test_b18_a_container_is_published_on_loopback_only(unit: str) -> None:
    published = values_of(start_line(unit), "--publish")

    assert len(published) == 1
    assert published[0].startswith("127.0.0.1:")


@pytest.mark.parametrize("unit", CONTAINERS)
def test_a_container_may_open_as_many_files_as_hundreds_of_requests_take(unit: str) -> None:
    """Docker's own soft limit has been 1,024 since containerd 2; moby/moby#51485."""
    assert values_of(start_line(unit), "--ulimit") == ["nofile=${OPEN_FILES}:${OPEN_FILES}"]
    assert re.findall(r"^Environment=OPEN_FILES=(.*)$", text(unit), re.MULTILINE) == ["65536"]


def test_the_engine_works_in_a_folder_that_any_user_may_read() -> None:
    assert values_of(start_line("vllm@.service"), "--workdir") == ["/tmp"]  # noqa: S108 - its own


def test_b9_the_gateway_speaks_plain_http_and_leaves_443_to_nginx() -> None:
    line = start_line("inference-app.service")
    behind = re.findall(r"proxy_pass (\S+);", render("nginx.conf.j2", **SETTINGS))

    assert values_of(line, "--port") == ["8080"]
    assert not [word for word in line if "443" in word]
    assert set(behind) == {"http://gateway"}


def test_the_gateway_is_not_root_and_its_group_is_the_keys_group() -> None:
    script = (SCRIPTS / "lib.sh").read_text()

    assert values_of(start_line("inference-app.service"), "--user") == ["10001:10001"]
    assert "GATEWAY_USER:-10001" in script
    assert "GATEWAY_GROUP:-10001" in script


def test_b3_the_gateway_needs_no_script_of_the_host_but_keys_status_and_its_counts() -> None:
    volumes = values_of(start_line("inference-app.service"), "--volume")

    assert volumes == [
        "/etc/lamplighter/gateway:/etc/gateway:ro",
        "/var/lib/lamplighter/gateway:/var/lib/gateway",
    ]


def test_the_agent_writes_nothing_but_what_the_gateway_reads_and_is_not_root() -> None:
    unit = text("lamplighter-agent.service")
    written = re.findall(r"_FILE=(/etc/\S+)", unit)

    assert re.findall(r"ReadWritePaths=(.*)", unit) == ["/etc/lamplighter/gateway"]
    names = ("keys", "settings.json", "status")
    assert written == [f"/etc/lamplighter/gateway/{name}" for name in names]
    assert "lamplighter-gateway" in re.findall(r"SupplementaryGroups=(.*)", unit)[0].split()
    assert {"User=lamplighter-agent", "CapabilityBoundingSet="} <= set(unit.splitlines())


def test_vllm_gets_its_model_as_one_word_and_its_flags_as_many() -> None:
    line = start_line("vllm@.service")

    assert line[-2:] == ["$VLLM_ARGS", "$ENGINE_ARGUMENTS"]
    assert values_of(line, "--model") == ["${MODEL}"]
    assert values_of(line, "--publish") == ["127.0.0.1:${VLLM_PORT}:8000"]


def test_the_first_model_answers_to_the_short_name_too() -> None:
    """systemd refuses a plain name as an alias of an instance."""
    short, first = text("vllm.service"), text("vllm@0.service.d/name.conf")

    assert "Wants=vllm@0.service" in short.splitlines()
    assert "PartOf=vllm.service" in first.splitlines()
    assert "PartOf=vllm.target" in text("vllm@.service").splitlines()


def test_the_engine_is_not_root_and_owns_its_folder() -> None:
    script = (SCRIPTS / "lib.sh").read_text()

    assert values_of(start_line("vllm@.service"), "--user") == ["10002:10002"]
    assert "ENGINE_USER:-10002" in script
    assert "ENGINE_GROUP:-10002" in script


def test_the_token_is_on_no_command_line() -> None:
    line = start_line("vllm@.service")

    assert [word for word in line if "HF_TOKEN" in word] == ["HF_TOKEN"]
    assert "EnvironmentFile=-/run/lamplighter/vllm.env" in text("vllm@.service")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_every_setting_that_a_unit_uses_is_in_deployment_env(unit: object) -> None:
    settings = render("deployment.env.j2", **SETTINGS)

    used = re.findall(r"\$\{?([A-Z_]+)\}?", text(getattr(unit, "name", "")))
    assert [key for key in used if f"\n{key}=" not in settings] == [
        key
        for key in used
        if key in {"VLLM_DEVICE", "VLLM_MOUNT", "OPEN_FILES"}  # of vllm-0.env, of the unit itself
    ]


@pytest.mark.parametrize("unit", CONTAINERS)
def test_a_crash_loop_ends(unit: str) -> None:
    assert "Restart=always" in text(unit)
    assert int(re.findall(r"StartLimitBurst=(\d+)", text(unit))[0]) <= 10
    assert int(re.findall(r"StartLimitIntervalSec=(\d+)", text(unit))[0]) > 0


def test_the_agent_always_comes_back() -> None:
    assert "StartLimitIntervalSec=0" in text("lamplighter-agent.service")


def test_b21_the_clean_up_at_boot_removes_stopped_containers_of_ours_only() -> None:
    line = start_line("inference-cleanup.service")

    assert line[1:3] == ["container", "prune"]
    assert values_of(line, "--filter") == ["label=lamplighter"]
    assert all(values_of(start_line(unit), "--label") == ["lamplighter"] for unit in CONTAINERS)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_no_failure_is_ignored_but_the_removal_of_what_is_not_there(unit: object) -> None:
    ignored = re.findall(r"^Exec\w+=-.*$", text(getattr(unit, "name", "")), re.MULTILINE)

    assert all(line.startswith("ExecStartPre=-/usr/bin/docker rm --force ") for line in ignored)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of a machine that has our units, the system's, and every program they run."""
    root = tmp_path_factory.mktemp("machine")
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    programs = ["docker", "python3", "bash", "true"]
    for program in [root / "usr/bin" / name for name in programs]:
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    for name in ("docker.service", "nginx.service"):
        (root / "usr/lib/systemd/system" / name).write_text("[Service]\nExecStart=/usr/bin/true\n")
    shutil.copytree(SCRIPTS / "files", root / "etc/systemd/system")
    return root


@needs_systemd
def test_systemd_understands_every_line(machine: Path) -> None:
    """It ends with 0 after a warning too: whatever it says is a failure."""
    names = [f"{path.stem}0{path.suffix}" if "@" in path.name else path.name for path in FILES]

    done = analyze("verify", "--man=no", f"--root={machine}", *names)

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


@needs_systemd
def test_systemd_is_heard_when_a_line_is_wrong(machine: Path, tmp_path: Path) -> None:
    unit = machine / "etc/systemd/system/planted.service"
    unit.write_text("[Service]\nExecStart=/usr/bin/true\nProtectSytem=strict\n")

    done = analyze("verify", "--man=no", f"--root={machine}", unit.name)

    unit.unlink()
    assert "ProtectSytem" in done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", sorted(EXPOSED), ids=str)
def test_what_a_unit_may_do_is_little(unit: str) -> None:
    """In tenths of systemd's own scale, from 0 (confined) to 10 (free)."""
    path = str(SCRIPTS / "files" / unit)

    done = analyze("security", "--offline=true", f"--threshold={EXPOSED[unit]}", path)

    assert done.returncode == 0, done.stdout[-300:]


def test_every_service_but_the_one_that_installs_has_a_limit() -> None:
    services = {path.name for path in UNITS}

    assert services - EXPOSED.keys() == {"lamplighter-setup.service"}
