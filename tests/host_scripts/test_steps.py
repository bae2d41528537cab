"""Every step alone, with recorders in the place of what it would change on a machine."""

from __future__ import annotations

import re

import pytest
from host_scripts.sandbox import SCRIPTS, SECRETS, Host

STEPS = sorted(path.name for path in SCRIPTS.glob("[0-9][0-9]-*.sh"))
CHANGING = (
    "install",
    "enable",
    "start",
    "restart",
    "reload",
    "daemon-reload",
    "pull",
    "create",
    "hold",
    "reboot",
    "disable",
)

LOOK = "systemctl start inference-verify.service"  # asks, and changes nothing
NO_IMAGES = 'case "$*" in "image inspect"*) exit 1;; login*) cat > "$OPT/../login";; esac'


def do_all(host: Host) -> list[str]:
    calls = []
    for step in STEPS:
        done = host.run(step)
        assert done.returncode == 0, (step, done.stderr)
        calls += host.calls
    return calls


def changes(calls: list[str]) -> list[str]:
    return [call for call in calls if set(call.split()) & set(CHANGING) and LOOK not in call]


@pytest.mark.parametrize("engine", ["gpu", "cpu", "none"])
def test_b15_the_steps_twice_change_nothing_the_second_time(host: Host, engine: str) -> None:
    host.configure(engine=engine)
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

    if step[:2] in {"05", "10", "90"}:  # they need none
        assert done.returncode == 0
    else:
        assert done.returncode != 0
        assert "render it again from deployment.env.j2" in done.stderr


def test_a_complete_machine_meets_no_apt(host: Host) -> None:
    host.run("10-packages.sh")

    assert host.calls == ["systemctl is-active --quiet docker.service"]


def test_security_updates_leave_the_gpu_and_the_containers_alone(host: Host) -> None:
    host.run("10-packages.sh")

    said = (host.etc / "apt/apt.conf.d/52lamplighter-updates").read_text()
    left_alone = re.findall(r'^  "(.*)";$', said, re.MULTILINE)
    assert left_alone == ["nvidia", "libnvidia", "cuda", "linux-", "docker", "containerd"]
    assert 'APT::Periodic::Unattended-Upgrade "1";' in said


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
    host.configure(engine="none", gpus=0)
    host.forget("nvidia-smi")

    assert host.run("20-gpu.sh").returncode == 0


KEY = 'case "$*" in *--show-keys*) echo fpr:::::::::{}: ;; *) : >"$3" ;; esac'
NVIDIA = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"


def test_a_gpu_deployment_on_a_machine_without_gpu_fails_at_once_and_installs_nothing(
    host: Host,
) -> None:
    host.gpu.write_text("0x1d0f\n")

    done = host.run("20-gpu.sh")

    assert done.returncode != 0
    assert "has no NVIDIA GPU: choose an instance.type with one" in done.stderr
    assert host.calls == []


def test_fewer_gpus_than_the_engine_wants_are_told_with_both_numbers(host: Host) -> None:
    host.configure(gpus=4)

    done = host.run("20-gpu.sh")

    assert done.returncode != 0
    assert "the engine wants 4 GPUs, this machine has 1" in done.stderr


def test_b20_a_missing_driver_is_installed_in_our_version_and_held(host: Host) -> None:
    host.forget("nvidia-smi")
    host.answer(
        "apt-get",
        f"""case "$*" in *install*) printf '#!/bin/sh\\necho GPU 0\\n' >{host.bin}/nvidia-smi
chmod +x {host.bin}/nvidia-smi ;; esac""",
    )

    done = host.run("20-gpu.sh")

    assert done.returncode == 0, done.stderr
    [installed] = [call for call in host.calls if " install " in call]
    assert installed.endswith("nvidia-headless-570-server nvidia-utils-570-server")
    held = "apt-mark hold nvidia-headless-570-server nvidia-utils-570-server"
    assert held in host.calls


def test_b20_a_missing_toolkit_is_installed_in_our_version_from_a_key_that_we_know(
    host: Host,
) -> None:
    host.forget("nvidia-ctk")
    host.answer("gpg", KEY.format(NVIDIA))
    host.answer(
        "apt-get",
        f"""case "$*" in *install*) printf '#!/bin/sh\\n' >{host.bin}/nvidia-ctk
chmod +x {host.bin}/nvidia-ctk ;; esac""",
    )

    done = host.run("20-gpu.sh")

    assert done.returncode == 0, done.stderr
    [installed] = [call for call in host.calls if " install " in call]
    assert installed.split()[-4:] == [
        f"{name}=1.17.8-1"
        for name in (
            "nvidia-container-toolkit",
            "nvidia-container-toolkit-base",
            "libnvidia-container-tools",
            "libnvidia-container1",
        )
    ]
    assert "systemctl restart docker.service" in host.calls


def test_a_repository_with_another_key_is_not_trusted(host: Host) -> None:
    host.forget("nvidia-ctk")
    host.answer("gpg", KEY.format("0" * 40))

    done = host.run("20-gpu.sh")

    assert done.returncode != 0
    assert f"is not {NVIDIA}: nothing was installed" in done.stderr
    assert not [call for call in host.calls if call.startswith("apt-get")]
    assert not (host.etc / "apt/sources.list.d").exists()


def test_a_driver_that_finds_no_gpu_restarts_the_machine_once_and_then_refuses(host: Host) -> None:
    host.answer("nvidia-smi", "exit 9")

    first = host.run("20-gpu.sh")
    restarts = host.calls.count("systemctl reboot")
    second = host.run("20-gpu.sh")

    assert (first.returncode, restarts) == (90, 1)
    assert second.returncode == 1
    assert "systemctl reboot" not in host.calls
    assert host.calls.count("sleep 10") == 6
    assert "finds no GPU (nvidia-smi failed), after a restart too" in second.stderr


def test_both_images_are_pulled_and_the_password_goes_through_a_pipe(host: Host) -> None:
    host.answer("docker", NO_IMAGES)

    done = host.run("30-images.sh")

    registry = "1234.dkr.ecr.eu-central-1.amazonaws.com"
    assert done.returncode == 0, done.stderr
    assert [call for call in host.calls if not re.search("inspect|^df ", call)] == [
        f"docker login --username AWS --password-stdin {registry}",
        f"docker pull --quiet {registry}/lamplighter-demo:abc",
        "docker pull --quiet vllm/vllm-openai:v0.11.0",
    ]
    assert (host.root / "login").read_text() == "registry-password"


def test_b23_a_disk_too_small_for_the_images_is_told_before_anything_is_pulled(host: Host) -> None:
    host.answer("docker", NO_IMAGES)
    host.answer("df", "echo Avail; echo 21474836480")

    done = host.run("30-images.sh")

    assert done.returncode != 0
    assert "need 31 GiB, the disk has 20 GiB free: raise instance.root_volume_gib" in done.stderr
    assert not [call for call in host.calls if "pull" in call]


def test_images_that_are_here_need_no_room(host: Host) -> None:
    host.answer("df", "echo Avail; echo 0")

    assert host.run("30-images.sh").returncode == 0


def test_without_a_gpu_the_large_image_is_not_pulled(host: Host) -> None:
    host.configure(engine="none", gpus=0)
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
