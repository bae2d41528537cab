"""Every step alone, with recorders in the place of what it would change on a machine."""

from __future__ import annotations

import pytest
from host_scripts.sandbox import SCRIPTS, SECRETS, Host

STEPS = sorted(path.name for path in SCRIPTS.glob("[0-9][0-9]-*.sh"))
CHANGING = ("install", "enable", "start", "restart", "reload", "daemon-reload", "pull", "create")

NO_IMAGES = 'case "$*" in "image inspect"*) exit 1;; login*) cat > "$OPT/../login";; esac'


def do_all(host: Host) -> list[str]:
    calls = []
    for step in STEPS:
        done = host.run(step)
        assert done.returncode == 0, (step, done.stderr)
        calls += host.calls
    return calls


def changes(calls: list[str]) -> list[str]:
    return [call for call in calls if set(call.split()) & set(CHANGING)]


@pytest.mark.parametrize("gpu", ["yes", "no"])
def test_the_steps_twice_change_nothing_the_second_time(host: Host, gpu: str) -> None:
    host.configure(gpu=gpu)
    do_all(host)
    tree = host.tree()

    calls = do_all(host)

    assert changes(calls) == []
    assert host.tree() == tree


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_runs_alone_leaves_the_agents_spool_alone(host: Host, step: str) -> None:
    for earlier in STEPS[: STEPS.index(step)]:
        host.run(earlier)

    assert host.run(step).returncode == 0

    assert not (host.run_dir / "phase").exists()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_its_settings_stops_with_a_sentence(host: Host, step: str) -> None:
    (host.scripts / "deployment.env").write_text("DEPLOYMENT=demo\n")

    done = host.run(step)

    if step[:2] in {"05", "10"}:  # they need none
        assert done.returncode == 0
    else:
        assert done.returncode != 0
        assert "render it again from deployment.env.j2" in done.stderr


def test_a_complete_machine_meets_no_apt(host: Host) -> None:
    host.run("10-packages.sh")

    assert host.calls == ["systemctl is-active --quiet docker.service"]


def test_what_is_missing_is_installed_waiting_for_apts_lock(host: Host) -> None:
    host.forget("nginx")
    host.forget("docker")
    host.answer("systemctl", 'case "$*" in is-active*) exit 3;; esac')

    done = host.run("10-packages.sh")

    assert done.returncode == 0
    apt = "apt-get --quiet --yes -o DPkg::Lock::Timeout=600"
    assert host.calls == [
        "dpkg --configure -a",
        f"{apt} update",
        f"{apt} install --no-install-recommends nginx docker.io",
        "systemctl is-active --quiet docker.service",
        "systemctl enable --quiet --now docker.service",
    ]


def test_a_mirror_that_stays_away_fails_the_step(host: Host) -> None:
    host.forget("nginx")
    host.answer("apt-get", "exit 100")

    done = host.run("10-packages.sh")

    assert done.returncode != 0
    assert "try 5 of 5 failed: apt update" in done.stderr


def test_without_a_gpu_no_driver_is_asked_for(host: Host) -> None:
    host.configure(gpu="no")
    host.forget("nvidia-smi")

    assert host.run("20-gpu.sh").returncode == 0


@pytest.mark.parametrize("command", ["nvidia-smi", "nvidia-ctk"])
def test_a_machine_image_without_the_gpu_parts_is_refused_by_name(host: Host, command: str) -> None:
    host.forget(command)

    done = host.run("20-gpu.sh")

    assert done.returncode != 0
    assert f"no {command}" in done.stderr
    assert "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)" in done.stderr


def test_a_driver_that_finds_no_gpu_is_refused_after_a_minute_of_trying(host: Host) -> None:
    host.answer("nvidia-smi", "exit 9")

    done = host.run("20-gpu.sh")

    assert done.returncode != 0
    assert host.calls.count("sleep 10") == 6
    assert "finds no GPU" in done.stderr


def test_both_images_are_pulled_and_the_password_goes_through_a_pipe(host: Host) -> None:
    host.answer("docker", NO_IMAGES)

    done = host.run("30-images.sh")

    registry = "1234.dkr.ecr.eu-central-1.amazonaws.com"
    assert done.returncode == 0, done.stderr
    assert [call for call in host.calls if "inspect" not in call] == [
        f"docker login --username AWS --password-stdin {registry}",
        f"docker pull --quiet {registry}/lamplighter-demo:abc",
        "docker pull --quiet vllm/vllm-openai:v0.11.0",
    ]
    assert (host.root / "login").read_text() == "registry-password"


def test_without_a_gpu_the_large_image_is_not_pulled(host: Host) -> None:
    host.configure(gpu="no")
    host.answer("docker", NO_IMAGES)

    host.run("30-images.sh")

    assert not [call for call in host.calls if "vllm-openai" in call]


def test_an_image_that_cannot_be_pulled_fails_the_step_after_five_tries(host: Host) -> None:
    host.answer("docker", 'case "$*" in *inspect*|pull*) exit 1;; login*) cat >/dev/null;; esac')

    done = host.run("30-images.sh")

    assert done.returncode != 0
    assert sum(call.startswith("docker pull") for call in host.calls) == 5


def test_no_secret_is_printed_passed_as_an_argument_or_left_in_a_file(host: Host) -> None:
    host.answer("docker", NO_IMAGES)

    outputs = []
    for step in STEPS:
        done = host.run(step)
        outputs += [done.stdout, done.stderr, *host.calls]

    kept = {path: (host.root / path).read_text() for path in host.tree()}
    kept.pop("run/lamplighter/vllm.env")
    text = "\n".join([*outputs, *kept.values()])
    assert [secret for secret in SECRETS if secret in text] == []
