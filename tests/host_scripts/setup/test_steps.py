"""Every step alone, with recorders in the place of what it would change on a machine."""

from __future__ import annotations

import json
import re

import pytest
from host_scripts.sandbox import PYTHON, SCRIPTS, SECRETS, Host
from orchestrator.spec.engine import DEFAULT_ENGINE_IMAGE

VLLM = DEFAULT_ENGINE_IMAGE
STEPS = sorted(f"steps/{path.name}" for path in (SCRIPTS / "steps").glob("*.sh"))
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
OTHER_GATEWAY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/lamplighter-demo:abc"
# What docker knows of an image: nothing before it was pulled.
INSPECT = '"image inspect"*) grep -qxF "docker pull $3" "$OPT/../calls" || exit 1 ;;'
NO_IMAGES = f'case "$*" in {INSPECT} login*) cat > "$OPT/../login";; esac'


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

    if step.removeprefix("steps/")[:2] in {"05", "10", "90"}:  # they need none
        assert done.returncode == 0
    else:
        assert done.returncode != 0
        assert "render it again from deployment.env.j2" in done.stderr


def test_a_complete_machine_meets_no_apt(host: Host) -> None:
    host.run("steps/10-packages.sh")

    assert not [call for call in host.calls if call.startswith(("apt", "dpkg"))]
    assert changes(host.calls) == []


def test_security_updates_leave_the_gpu_and_the_containers_alone(host: Host) -> None:
    host.run("steps/10-packages.sh")

    said = (host.etc / "apt/apt.conf.d/52lamplighter-updates").read_text()
    left_alone = re.findall(r'^  "(.*)";$', said, re.MULTILINE)
    assert left_alone == ["nvidia", "libnvidia", "cuda", "linux-", "docker", "containerd"]
    assert 'APT::Periodic::Unattended-Upgrade "1";' in said


def test_what_is_missing_is_installed_waiting_for_apts_lock(host: Host) -> None:
    host.forget("nginx")
    host.forget("docker")
    host.answer("systemctl", 'case "$*" in is-active*) exit 3;; esac')

    done = host.run("steps/10-packages.sh")

    assert done.returncode == 0
    apt = "apt-get --quiet --yes -o DPkg::Lock::Timeout=600"
    assert f"{apt} install --no-install-recommends nginx docker.io" in host.calls
    assert "systemctl enable --quiet --now docker.service" in host.calls


def test_a_mirror_that_stays_away_fails_the_step(host: Host) -> None:
    host.forget("nginx")
    host.answer("apt-get", "exit 100")

    done = host.run("steps/10-packages.sh")

    assert done.returncode != 0
    assert "try 5 of 5 failed: apt update" in done.stderr


def test_without_a_gpu_no_driver_is_asked_for(host: Host) -> None:
    host.configure(engine="none", gpus=0)
    host.forget("nvidia-smi")

    assert host.run("steps/20-gpu.sh").returncode == 0


KEY = 'case "$*" in *--show-keys*) echo fpr:::::::::{}: ;; *) : >"$3" ;; esac'
NVIDIA = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"


def test_a_gpu_deployment_on_a_machine_without_gpu_fails_at_once_and_installs_nothing(
    host: Host,
) -> None:
    host.gpu.write_text("0x1d0f\n")

    done = host.run("steps/20-gpu.sh")

    assert done.returncode != 0
    assert "has no NVIDIA GPU: choose an instance.type with one" in done.stderr
    assert host.calls == []


def test_fewer_gpus_than_the_engine_needs_are_refused_with_both_numbers(host: Host) -> None:
    host.configure(gpus=4)

    done = host.run("steps/20-gpu.sh")

    assert done.returncode != 0
    assert "the engine wants 4 GPUs, this machine has 1" in done.stderr


def test_b20_a_missing_driver_is_installed_in_our_version_and_held(host: Host) -> None:
    host.forget("nvidia-smi")
    host.answer(
        "apt-get",
        f"""case "$*" in *install*) printf '#!/bin/sh\\necho GPU 0\\n' >{host.bin}/nvidia-smi
chmod +x {host.bin}/nvidia-smi ;; esac""",
    )

    done = host.run("steps/20-gpu.sh")

    assert done.returncode == 0, done.stderr
    [installed] = [call for call in host.calls if " install " in call]
    assert installed.endswith("nvidia-headless-580-server-open nvidia-utils-580-server")
    held = "apt-mark hold nvidia-headless-580-server-open nvidia-utils-580-server"
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

    done = host.run("steps/20-gpu.sh")

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

    done = host.run("steps/20-gpu.sh")

    assert done.returncode != 0
    assert f"is not {NVIDIA}: nothing was installed" in done.stderr
    assert not [call for call in host.calls if call.startswith("apt-get")]
    assert not (host.etc / "apt/sources.list.d").exists()


def test_a_driver_that_finds_no_gpu_restarts_the_machine_once_and_then_refuses(host: Host) -> None:
    host.answer("nvidia-smi", "exit 9")

    first = host.run("steps/20-gpu.sh")
    restarts = host.calls.count("systemctl reboot")
    second = host.run("steps/20-gpu.sh")

    assert (first.returncode, restarts) == (90, 1)
    assert second.returncode not in {0, 90}
    assert "systemctl reboot" not in host.calls
    assert host.calls.count("sleep 10") == 6
    assert "finds no GPU (nvidia-smi failed), after a restart too" in second.stderr


def test_both_images_are_pulled_and_the_password_goes_through_a_pipe(host: Host) -> None:
    host.answer("docker", NO_IMAGES)

    done = host.run("steps/30-images.sh")

    registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert done.returncode == 0, done.stderr
    assert [call for call in host.calls if not re.search("inspect|^df |^nvidia-smi", call)] == [
        f"docker login --username AWS --password-stdin {registry}",
        f"docker pull {registry}/lamplighter-demo:abc",
        f"docker pull {VLLM}",
    ]
    assert (host.root / "login").read_text() == "registry-password"


@pytest.mark.parametrize(
    ("registry", "asked"),
    [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1"),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ],
)
def test_the_password_goes_to_every_registry_of_our_own_account(
    host: Host, registry: str, asked: str
) -> None:
    host.answer("docker", NO_IMAGES)
    host.program("python3", f'echo "python3 $*" >>{host.root}/calls\n{PYTHON}')
    host.configure(vllm_image=f"{registry}/lamplighter/vllm:v1")

    done = host.run("steps/30-images.sh")

    assert done.returncode == 0, done.stderr
    assert f"docker login --username AWS --password-stdin {registry}" in host.calls
    assert [call for call in host.calls if call.endswith(f".registry_password {asked}")]


@pytest.mark.parametrize(
    "registry",
    [
        "1.dkr.ecr.x.amazonaws.com.evil.example",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com.cn.evil.example",
        "123456789012.dkr.ecr.evil.example.amazonaws.com:443",
        "evil.example:80.dkr.ecr.eu-central-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com@evil.example",
        "evil-123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "123456789012xdkr.ecr.eu-central-1.amazonaws.com",
        "public.ecr.aws",
    ],
)
def test_the_password_goes_to_nothing_that_only_looks_like_our_registry(
    host: Host, registry: str
) -> None:
    host.answer("docker", NO_IMAGES)
    host.configure(vllm_image=f"{registry}/lamplighter/vllm:v1", gateway_image=OTHER_GATEWAY)
    trusted = OTHER_GATEWAY.split("/", maxsplit=1)[0]

    done = host.run("steps/30-images.sh")

    assert done.returncode == 0, done.stderr
    logins = [call.split()[-1] for call in host.calls if call.startswith("docker login")]
    assert logins == [trusted]
    assert f"docker pull {registry}/lamplighter/vllm:v1" in host.calls


def test_an_image_of_another_account_is_refused_and_gets_no_password(host: Host) -> None:
    host.answer("docker", NO_IMAGES)
    image = "999999999999.dkr.ecr.eu-central-1.amazonaws.com/vllm:v1"
    host.configure(vllm_image=image)

    done = host.run("steps/30-images.sh")

    assert done.returncode == 91
    assert done.stderr.splitlines()[-1].endswith(
        f"{image} is in the registry of account 999999999999: copy it under lamplighter/ in your "
        "own ECR and correct engine.image"
    )
    assert not [call for call in host.calls if "999999999999" in call and "inspect" not in call]


SMI = "| NVIDIA-SMI {0}  Driver Version: {0}  CUDA Version: {1} |"
BRANDS = "brand=unknown,driver>=535,driver<536 brand=tesla,driver>=550,driver<551"


def with_driver(host: Host, version: str, cuda: str, *environment: str) -> None:
    """Have this driver, and an engine's image with this environment."""
    host.answer("nvidia-smi", f"echo '{SMI.format(version, cuda)}'")
    described = [{"Config": {"Env": ["PATH=/usr/bin", *environment]}}]
    (host.root / "described").write_text(json.dumps(described))
    host.answer("docker", f'case "$*" in "image inspect"*) cat {host.root}/described ;; esac')


@pytest.mark.parametrize(
    ("driver", "environment", "sentence"),
    [
        (
            ("570.195.03", "12.8"),
            ["CUDA_VERSION=13.0.2", f"NVIDIA_REQUIRE_CUDA=cuda>=13.0 {BRANDS}"],
            (
                "is built for CUDA 13.0, which needs NVIDIA driver 580 or newer; this machine has "
                "570.195.03 (CUDA 12.8): leave instance.ami out for the newest driver, or choose "
                "an engine.image for CUDA 12.8"
            ),
        ),
        (
            ("550.163.01", "12.4"),  # among the brands' drivers, but of another generation
            [f"NVIDIA_REQUIRE_CUDA=cuda>=13.0 {BRANDS}"],
            "needs NVIDIA driver 580 or newer; this machine has 550.163.01 (CUDA 12.4)",
        ),
        (
            ("470.256.02", "11.4"),
            ["CUDA_VERSION=12.9.1"],
            (
                "is built for CUDA 12.9, which needs NVIDIA driver 525 or newer; this machine has "
                "470.256.02"
            ),
        ),
        (
            ("570.195.03", "12.8"),
            [f"NVIDIA_REQUIRE_CUDA=cuda>=12.9 {BRANDS}"],
            "is built for CUDA 12.9, which needs a newer NVIDIA driver",
        ),
        (("580.95.05", "13.0"), ["CUDA_VERSION=14.1.0"], "CUDA 14.1, which needs a newer"),
    ],
)
def test_an_image_that_needs_a_newer_driver_is_refused_before_it_starts(
    host: Host, driver: tuple[str, str], environment: list[str], sentence: str
) -> None:
    with_driver(host, *driver, *environment)

    done = host.run("steps/30-images.sh")

    assert done.returncode == 91
    assert sentence in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("driver", "environment"),
    [
        (("580.95.05", "13.0"), ["CUDA_VERSION=13.0.2", "NVIDIA_REQUIRE_CUDA=cuda>=13.0"]),
        (("580.95.05", "13.0"), ["CUDA_VERSION=12.8.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.8"]),
        (("580.95.05", "13.0"), ["CUDA_VERSION=13.2.0"]),  # of its generation
        (("535.288.01", "12.2"), [f"NVIDIA_REQUIRE_CUDA=cuda>=12.9 {BRANDS}"]),
        (("570.1", "12.8"), ["NVIDIA_REQUIRE_CUDA=cuda>=12.9", "NVIDIA_DISABLE_REQUIRE=1"]),
        (("570.1", "12.8"), []),  # an image that does not say
        (("570.1", "unknown"), ["CUDA_VERSION=13.0.2"]),  # a driver that does not say
    ],
)
def test_an_image_that_the_driver_can_run_is_not_refused(
    host: Host, driver: tuple[str, str], environment: list[str]
) -> None:
    with_driver(host, *driver, *environment)

    done = host.run("steps/30-images.sh")

    assert done.returncode == 0, done.stderr


def test_an_engine_on_the_cpu_needs_no_driver(host: Host) -> None:
    host.configure(engine="cpu", gpus=0)
    with_driver(host, "470.1", "11.4", "CUDA_VERSION=13.0.2")

    assert host.run("steps/30-images.sh").returncode == 0


def test_b23_a_disk_too_small_for_the_images_is_refused_before_a_pull(host: Host) -> None:
    host.answer("docker", NO_IMAGES)
    host.answer("df", "echo Avail; echo 21474836480")

    done = host.run("steps/30-images.sh")

    assert done.returncode != 0
    assert "need 41 GiB, the disk has 20 GiB free: raise instance.root_volume_gib" in done.stderr
    assert not [call for call in host.calls if "pull" in call]


def test_images_that_are_here_need_no_room(host: Host) -> None:
    host.answer("df", "echo Avail; echo 0")

    assert host.run("steps/30-images.sh").returncode == 0


def test_without_a_gpu_the_large_image_is_not_pulled(host: Host) -> None:
    host.configure(engine="none", gpus=0)
    host.answer("docker", NO_IMAGES)

    host.run("steps/30-images.sh")

    assert not [call for call in host.calls if "vllm-openai" in call]


def test_an_image_that_cannot_be_pulled_fails_the_step_after_five_tries(host: Host) -> None:
    host.answer("docker", 'case "$*" in *inspect*|pull*) exit 1;; login*) cat >/dev/null;; esac')

    done = host.run("steps/30-images.sh")

    assert done.returncode != 0
    assert sum(call.startswith("docker pull") for call in host.calls) == 5


TAG = DEFAULT_ENGINE_IMAGE.partition(":")[2]
PULLED = f"""{TAG}: Pulling from vllm/vllm-openai
aaaaaaaaaaaa: Already exists
bbbbbbbbbbbb: Pulling fs layer
cccccccccccc: Pulling fs layer
bbbbbbbbbbbb: Waiting
bbbbbbbbbbbb: Verifying Checksum
bbbbbbbbbbbb: Download complete
bbbbbbbbbbbb: Pull complete
cccccccccccc: Download complete
cccccccccccc: Pull complete
Digest: sha256:0123
Status: Downloaded newer image for {VLLM}"""
# The same pull where containerd keeps the images: the default since Docker 29.
PULLED_BY_CONTAINERD = f"""{TAG}: Pulling from vllm/vllm-openai
aaaaaaaaaaaa: Pulling fs layer
bbbbbbbbbbbb: Pulling fs layer
cccccccccccc: Waiting
aaaaaaaaaaaa: Already exists
bbbbbbbbbbbb: Download complete
aaaaaaaaaaaa: Pull complete
cccccccccccc: Download complete
bbbbbbbbbbbb: Pull complete
cccccccccccc: Pull complete
Digest: sha256:0123
Status: Downloaded newer image for {VLLM}
docker.io/{VLLM}"""
# Its first versions did not say that a layer was unpacked.
NEVER_UNPACKED = "\n".join(
    line for line in PULLED_BY_CONTAINERD.splitlines() if "Pull complete" not in line
)


def pulling(host: Host, *tries: str) -> list[tuple[str, int]]:
    """Pull both images, vLLM's with this output of docker at each try; return what was told.

    A try fails when it does not end with docker's `Status:`.
    """
    for number, said in enumerate(tries, 1):
        (host.root / f"try-{number}").write_text(f"{said}\n")
    host.answer(
        "docker",
        f"""case "$*" in
{INSPECT}
login*) cat >/dev/null ;;
"pull vllm"*)
  echo >>{host.root}/tries
  said={host.root}/try-$(grep -c "" {host.root}/tries)
  cat "$said"
  grep -q "^Status: " "$said" ;;
esac""",
    )
    heard = host.root / "heard"
    host.program("python3", f'case "$3" in *.phase) echo "$4 $5" >>{heard};; esac\n{PYTHON}')
    host.run("steps/30-images.sh", LAMPLIGHTER_SETUP="yes")
    lines = [line.split() for line in heard.read_text().splitlines()]
    return [(phase, int(percent)) for phase, percent in lines]


def test_a_pull_tells_how_many_of_its_layers_are_here(host: Host) -> None:
    """The gateway is 2 % of the whole; a layer's download and its unpacking are a half each."""
    told = pulling(host, PULLED)

    assert told == [("images", percent) for percent in (0, 26, 51, 75, 100, 100)]


@pytest.mark.parametrize(
    ("said", "percents"),
    [
        (PULLED_BY_CONTAINERD, (0, 18, 34, 51, 67, 83, 100, 100)),
        (NEVER_UNPACKED, (0, 18, 34, 51, 100, 100)),
    ],
)
def test_a_pull_of_docker_29_tells_the_same(
    host: Host, said: str, percents: tuple[int, ...]
) -> None:
    told = pulling(host, said)

    assert told == [("images", percent) for percent in percents]


def test_a_second_try_never_takes_the_progress_back(host: Host) -> None:
    cut = "".join(PULLED.partition("cccccccccccc: Download complete")[:1])

    told = pulling(host, f"{cut}unexpected EOF", PULLED)

    assert told == [("images", percent) for percent in (0, 26, 51, 75, 100, 100)]
    assert host.calls.count(f"docker pull {VLLM}") == 2


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("manifest unknown", "has no image"),
        (f'failed to resolve reference "{VLLM}": {VLLM}: not found', "has no image"),
        ("name unknown: The repository with name 'x' does not exist", "has no image"),
        ("unauthorized: authentication required", "refuses"),
        ("pull access denied, repository does not exist: insufficient_scope", "refuses"),
        ('Head "https://x/v2/x/manifests/v1": no basic auth credentials', "refuses"),
        ("unexpected status from HEAD request to https://x/v2/: 403 Forbidden", "refuses"),
        ("no matching manifest for linux/arm64/v8 in the manifest list", "is not built for"),
    ],
)
def test_what_a_registry_will_say_again_is_asked_for_once(
    host: Host, said: str, sentence: str
) -> None:
    host.answer(
        "docker", f"case $* in *inspect*) exit 1;; pull*) cat {host.root}/said; exit 1;; esac"
    )
    (host.root / "said").write_text(f"Error response from daemon: {said}\n")
    host.configure(gateway_image="example.com/gateway:v1")

    done = host.run("steps/30-images.sh")

    assert done.returncode == 91
    assert sentence in done.stderr.splitlines()[-1]
    assert sum(call.startswith("docker pull") for call in host.calls) == 1


@pytest.mark.parametrize(
    "said",
    [
        'Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout',
        "toomanyrequests: You have reached your unauthenticated pull rate limit.",
        "open /var/lib/docker/tmp/x: permission denied",
        "unexpected EOF",
    ],
)
def test_what_may_pass_is_tried_again(host: Host, said: str) -> None:
    pulling(host, f"Error response from daemon: {said}", PULLED)

    assert host.calls.count(f"docker pull {VLLM}") == 2


def test_an_image_with_an_unlucky_name_is_pulled(host: Host) -> None:
    host.configure(vllm_image="vllm/unauthorized:v1")

    told = pulling(host, PULLED.replace(f"vllm-openai:{TAG}", "unauthorized:v1"))

    assert told[-2:] == [("images", 100)] * 2  # the last layer, and the step itself


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
