"""recover.sh: the set-up's own steps once more, and nothing that is somebody else's."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from host.diagnose import places, services
from host_scripts.sandbox import SCRIPTS, SERVES, Host

FOREIGN = ("snapd.service", "sshd.service", "docker.service", "vllm-of-somebody.service")


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Host, Path]:
    """Return a host that was set up, and a copy of its files; paths in them are the host's own."""
    host = Host(tmp_path_factory.mktemp("host"))
    host.install()
    host.answer("id", "echo 0")
    host.answer(
        "systemctl",
        f"""case "$1" in
is-failed) grep -qxF "$3" "{host.root}/failed"; exit ;;
is-active) ! grep -qxF "$3" "{host.root}/failed"; exit ;;
esac
{SERVES}""",
    )
    fails(host)
    assert host.run("setup.sh").returncode == 0
    copy = tmp_path_factory.mktemp("copy") / "host"
    shutil.copytree(host.root, copy, symlinks=True)
    return host, copy


@pytest.fixture
def ready(set_up: tuple[Host, Path]) -> Host:
    """Return the host as its set-up left it; the units in its file `failed` have failed."""
    host, copy = set_up
    shutil.rmtree(host.root)
    shutil.copytree(copy, host.root, symlinks=True)
    return host


def fails(host: Host, *units: str) -> None:
    (host.root / "failed").write_text("".join(f"{unit}\n" for unit in units))


def changing(host: Host) -> list[str]:
    """Return the calls that start, stop or remove something; a question for a verdict is none."""
    verbs = (
        r"systemctl (?!is-|show|start inference-verify\.service$)|docker (?!network inspect|image)"
    )
    return [call for call in host.calls if re.match(f"{verbs}|apt-get|nginx (?!-t)", call)]


def test_b14_a_healthy_host_is_left_as_it_is_and_that_is_said(ready: Host) -> None:
    before = ready.tree()

    done = ready.run("recover.sh")

    assert done.returncode == 0, done.stderr
    assert "no unit of ours has failed: the steps change only what is not as it" in done.stderr
    assert "setup.sh: the set-up is complete" in done.stderr
    assert ready.tree() == before
    assert changing(ready) == []


def test_what_systemd_gave_up_is_started_again_and_nothing_else(ready: Host) -> None:
    fails(ready, "vllm@0.service", *FOREIGN[:2])

    done = ready.run("recover.sh")

    assert done.returncode == 0, done.stderr
    assert "these have failed and may start again: vllm@0.service" in done.stderr
    assert changing(ready) == [
        "systemctl reset-failed vllm@0.service",
        "systemctl start vllm@0.service",
    ]


def test_b21_only_units_of_ours_are_forgiven_and_no_container_is_touched(ready: Host) -> None:
    ours = services.ours(places.load({}))
    fails(ready, *ours, *FOREIGN[:2], FOREIGN[3])

    done = ready.run("recover.sh")

    assert done.returncode == 0, done.stderr
    [reset] = [call for call in ready.calls if "reset-failed" in call]
    assert sorted(reset.split()[2:]) == ours
    assert not [c for c in ready.calls if re.match(r"docker (rm|kill|stop|restart|container)", c)]
    assert [c for c in changing(ready) if any(unit in c for unit in FOREIGN)] == []


def test_the_units_of_ours_are_those_that_files_brings_or_adds_to() -> None:
    ours = services.ours(places.load({}))

    assert {"vllm@0.service", "nginx.service", "lamplighter-agent.service"} <= set(ours)
    assert not {"vllm@.service", *FOREIGN} & set(ours)
    assert len(ours) >= len([*(SCRIPTS / "files").glob("*.service")])


def test_without_its_files_no_pattern_reaches_systemd(ready: Host) -> None:
    for path in (ready.scripts / "files").iterdir():
        path.rename(ready.root / path.name)

    ready.run("recover.sh")

    assert [call for call in ready.calls if "*" in call] == []


def test_a_user_other_than_root_is_refused_before_anything_happens(ready: Host) -> None:
    ready.answer("id", "echo 1000")

    done = ready.run("recover.sh")

    assert done.returncode != 0
    assert re.search(r"recover\.sh: only root may do this: sudo bash \S+/recover\.sh$", done.stderr)
    assert [call for call in ready.calls if not call.startswith("id ")] == []


def test_a_setup_that_failed_goes_on_where_it_can(ready: Host) -> None:
    gpu = ready.gpu.read_text()
    ready.gpu.write_text("0x1d0f\n")
    failing = ready.run("recover.sh")
    ready.gpu.write_text(gpu)

    done = ready.run("recover.sh")

    assert failing.returncode != 0
    assert done.returncode == 0
    assert Path(ready.root, "state/lamplighter/setup-done").exists()
