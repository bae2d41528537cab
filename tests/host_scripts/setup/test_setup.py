"""setup.sh: the order of the steps, what the agent hears, and how a failure ends."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from host_scripts.endpoint import Endpoint, stop
from host_scripts.sandbox import PYTHON, SECRETS, SETTINGS, Host
from orchestrator.spec.engine import DEFAULT_ENGINE_IMAGE

VLLM = DEFAULT_ENGINE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GIB = 1024**3
CONFIG = "/org/model/resolve/main/config.json"
ABOUT = "/api/models/org/model?blobs=true"
TOKEN = "/lamplighter/demo/hf-token"
DENIES = """from botocore.exceptions import ClientError
class Denies:
    def __getattr__(self, operation):
        def deny(**_):
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, operation)
        return deny
def client(*_, **__):
    return Denies()
"""


@pytest.fixture
def hub() -> Iterator[Endpoint]:
    """Return a Hugging Face Hub with one model of 30 GiB."""
    about = {
        "siblings": [{"rfilename": "model.safetensors", "size": 30 * GIB}],
        "safetensors": {"parameters": {"BF16": 15 * GIB}},
    }
    endpoint = Endpoint(answers={CONFIG: (200, {}), ABOUT: (200, about)})
    server = endpoint.start()
    yield endpoint
    stop(server)


def spool(host: Host) -> dict[str, object]:
    line: dict[str, object] = json.loads((host.run_dir / "phase").read_text())
    return line


def step(host: Host, name: str, body: str) -> None:
    (host.scripts / "steps" / name).write_text(body)


@pytest.mark.parametrize("engine", ["gpu", "cpu", "none"])
def test_a_machine_is_set_up_from_end_to_end(host: Host, engine: str) -> None:
    host.configure(engine=engine)

    done = host.run("setup.sh")

    assert done.returncode == 0, done.stderr
    assert spool(host) == {"phase": "done", "percent": 100, "cause": None}
    assert (host.root / "state/lamplighter/setup-done").exists()


def test_the_agent_hears_the_phases_in_their_order(host: Host) -> None:
    heard_in = host.root / "heard"
    host.program("python3", f'case "$3" in *.phase) echo "$4" >> {heard_in};; esac\n{PYTHON}')

    host.run("setup.sh")

    heard = heard_in.read_text().splitlines()
    assert list(dict.fromkeys(heard)) == [
        *("booting", "drivers", "images", "weights", "loading"),
        "done",
    ]


def test_a_failed_step_ends_the_setup_and_tells_the_agent_why(host: Host) -> None:
    host.gpu.write_text("0x1d0f\n")

    done = host.run("setup.sh")

    assert done.returncode != 0
    assert spool(host)["phase"] == "failed"
    assert "has no NVIDIA GPU: choose an instance.type" in str(spool(host)["cause"])
    assert not (host.root / "state/lamplighter/setup-done").exists()
    assert not [call for call in host.calls if "pull" in call]


def gpu(sizes: str) -> Callable[[Host], None]:
    body = f"case $1 in --query-gpu=memory.total) echo {sizes};; *) echo GPU 0;; esac"
    return lambda host: host.answer("nvidia-smi", body)


def disk(gib: int, images: str = "here") -> Callable[[Host], None]:
    def fill(host: Host) -> None:
        host.answer("df", f"echo Avail; echo {gib * GIB}")
        if images == "away":
            host.answer("docker", 'case "$*" in "image inspect"*) exit 1;; esac')

    return fill


def registry(answer: str, image: str = "vllm/vllm-openai") -> Callable[[Host], None]:
    """Have every image but one here, and a registry that says this of it."""
    body = f'case "$*" in *inspect*{image}*) exit 1;; pull*) echo "{answer}" >&2; exit 1;; esac'
    return lambda host: host.answer("docker", body)


@dataclass(frozen=True)
class Refusal:
    """What is wrong (prepare, answers of the hub), and the sentence that the operator reads."""

    sentence: str
    prepare: Callable[[Host], object] = lambda _: None
    answers: dict[str, Any] = field(default_factory=dict)


REMEDY = (
    "correct engine.image to a tag that exists, in a public repository or under lamplighter/ "
    "in your own ECR"
)
UNKNOWN = "Error response from daemon: manifest for x:v0 not found: manifest unknown"
DENIED = "Error response from daemon: pull access denied for x, repository does not exist"

REFUSALS = {
    "no GPU": Refusal(
        "this machine has no NVIDIA GPU: choose an instance.type with one, such as g6.xlarge, "
        "or set instance.gpu: false",
        lambda host: host.gpu.write_text("0x1d0f\n"),
    ),
    "no disk for the images": Refusal(
        "the container images need 41 GiB, the disk has 20 GiB free: "
        "raise instance.root_volume_gib",
        disk(20, images="away"),
    ),
    "no such tag": Refusal(
        f"the registry has no image {VLLM}: {REMEDY}",
        registry(UNKNOWN),
    ),
    "no such repository": Refusal(
        f"the registry refuses {VLLM} (no such repository, or it wants a login): {REMEDY}",
        registry(DENIED),
    ),
    "no gateway": Refusal(
        f"the registry has no image {SETTINGS['gateway_image']}: "
        'run "lamplighter up" again, which builds it',
        registry(UNKNOWN, image="lamplighter-demo"),
    ),
    "a disk that fills up": Refusal(
        f"the disk is full while {VLLM} is pulled: raise instance.root_volume_gib",
        registry("failed to register layer: write /usr/lib/x: no space left on device"),
    ),
    "a model too big for the disk": Refusal(
        "the weights of org/model need 32 GiB, the disk has 16 GiB free: "
        "raise instance.root_volume_gib",
        disk(16),
    ),
    "a model too big for the GPU": Refusal(
        "the weights of org/model need 30 GiB of GPU memory, the engine's GPUs (1) have 22 GiB: "
        "choose a larger instance.type, more GPUs by engine.tensor_parallel_size, "
        "or a quantised model",
        gpu("23034"),
    ),
    "no such model": Refusal(
        "the model org/model does not exist on the Hugging Face Hub: correct `model`",
        lambda host: host.configure(hf_token_parameter=""),
        {CONFIG: (404, {})},
    ),
    "a gated model": Refusal(
        "the model org/model is gated: accept its licence on huggingface.co with the account "
        f"whose token {TOKEN} holds, and let the token read gated repositories",
        answers={CONFIG: (403, {})},
    ),
    "a bad token": Refusal(
        f"Hugging Face refuses the token in the SSM parameter {TOKEN}, which is mistyped, "
        "revoked or expired: write a valid one into it, or correct engine.hf_token_parameter",
        answers={CONFIG: (401, {})},
    ),
    "no token": Refusal(
        f"the SSM parameter {TOKEN} does not exist: write it with `aws ssm put-parameter --region "
        f"eu-central-1 --type SecureString --name {TOKEN} --value ...`, "
        "or correct engine.hf_token_parameter",
        lambda host: (host.aws / "ssm" / TOKEN.strip("/")).unlink(),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_the_cause_of_a_refusal_is_the_sentence_that_names_the_remedy(
    host: Host, hub: Endpoint, case: str
) -> None:
    refusal = REFUSALS[case]
    refusal.prepare(host)
    hub.answers.update(refusal.answers)

    host.run("setup.sh", HF_ENDPOINT=hub.url)

    assert spool(host) == {"phase": "failed", "percent": 0, "cause": refusal.sentence}
    assert not [call for call in host.calls if call.startswith("sleep")]  # no second try


def test_a_token_that_the_machine_may_not_read_is_reported_at_once(host: Host) -> None:
    host.run("setup.sh", PYTHONPATH=denying(host))

    assert spool(host)["cause"] == (
        f"the SSM parameter {TOKEN} cannot be read by this machine's role: give it a name "
        "under /lamplighter/ or /inference/ (engine.hf_token_parameter), encrypted with "
        "SSM's own key (alias/aws/ssm)"
    )
    assert not [call for call in host.calls if call.startswith("sleep")]


def test_a_registry_that_refuses_the_machines_login_is_reported_at_once(host: Host) -> None:
    registry("", image="lamplighter-demo")(host)

    host.run("setup.sh", PYTHONPATH=denying(host))

    assert spool(host)["cause"] == (
        "this machine's role may not log in to ECR (ecr:GetAuthorizationToken): install "
        "Lamplighter again with `sam deploy`, and look for a policy of your organisation "
        "that forbids it"
    )
    assert not [call for call in host.calls if "login" in call or call.startswith("sleep")]


def denying(host: Host) -> str:
    """Return a path to a boto3 of an account in which the machine's role may do nothing."""
    (host.root / "denies").mkdir()
    (host.root / "denies/boto3.py").write_text(DENIES)
    return str(host.root / "denies")


def test_a_failed_commands_output_is_the_cause_without_traps_and_tries(
    host: Host,
) -> None:
    host.forget("nginx")
    host.answer("apt-get", 'echo "E: the mirror is away" >&2; exit 100')

    host.run("setup.sh")

    assert spool(host)["cause"] == "10-packages.sh failed (status 1): E: the mirror is away"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('python3 -c "import json; json.loads(str())"', "(status 1): json.decoder.JSONDecodeError"),
        ("false", "(status 1): 00-first.sh: FAILED at 00-first.sh:2: false"),
        ("log halfway; kill -9 $$", "(status 137): 00-first.sh: halfway"),
        ("exit 7", "(status 7): "),
    ],
)
def test_a_step_that_ends_without_a_sentence_gets_the_best_cause_there_is(
    host: Host, body: str, told: str
) -> None:
    step(host, "00-first.sh", f"source {host.scripts}/lib.sh\n{body}\n")

    host.run("setup.sh")

    assert str(spool(host)["cause"]).startswith(f"00-first.sh failed {told}")


def test_a_step_that_restarts_the_machine_is_no_failure_and_the_setup_goes_on_after_it(
    host: Host,
) -> None:
    host.answer("nvidia-smi", "exit 9")
    before = host.run("setup.sh")
    told = spool(host)["phase"]
    host.answer("nvidia-smi", "echo GPU 0")

    after = host.run("setup.sh")

    assert (before.returncode, told) == (0, "drivers")
    assert (after.returncode, spool(host)["phase"]) == (0, "done")


def test_a_setup_that_failed_can_be_run_again(host: Host) -> None:
    host.gpu.write_text("0x1d0f\n")
    host.run("setup.sh")
    host.gpu.write_text("0x10de\n")

    assert host.run("setup.sh").returncode == 0


@pytest.mark.parametrize("hostile", ['a "quoted" \\ line', "$(touch owned)", "%s %n"])
def test_a_hostile_last_line_still_makes_a_readable_spool(host: Host, hostile: str) -> None:
    (host.scripts / "hostile").write_text(hostile)
    step(host, "00-first.sh", f'cat "{host.scripts}/hostile" >&2; exit 1\n')

    host.run("setup.sh")

    assert hostile in str(spool(host)["cause"])


def test_b13_no_secret_reaches_the_log_or_the_spool(host: Host) -> None:
    done = host.run("setup.sh")

    logs = [path.read_text() for path in (host.root / "log").rglob("*.log")]
    text = "\n".join([done.stdout, done.stderr, *logs, json.dumps(spool(host))])
    assert len(logs) == len(list((host.scripts / "steps").glob("*.sh")))
    assert [secret for secret in SECRETS if secret in text] == []


def test_a_setup_killed_between_two_steps_ends_in_the_same_place_when_run_again(
    host: Host,
) -> None:
    """Within the steps: test_kills.py."""
    host.run("setup.sh")
    whole = host.tree()
    for folder in ("etc", "run", "state", "www"):
        shutil.rmtree(host.root / folder, ignore_errors=True)
    killer = "50-zzz.sh"
    step(host, killer, 'kill -9 "$(<"$RUN/setup.pid")"\n')
    (host.root / "run").mkdir()
    assert started(host).returncode == -signal.SIGKILL
    (host.scripts / "steps" / killer).unlink()
    (host.root / "run/setup.pid").unlink()

    done = host.run("setup.sh")

    assert done.returncode == 0, done.stderr
    assert names_and_modes(host.tree()) == names_and_modes(whole)


def started(host: Host) -> subprocess.CompletedProcess[str]:
    """Run setup.sh as a process that leaves its own id for the step that kills it."""
    wrapper = host.root / "started.sh"
    wrapper.write_text(f'echo $$ >"$RUN/setup.pid"; exec bash {host.scripts}/setup.sh\n')
    return host.run(wrapper)


def names_and_modes(tree: dict[str, tuple[int, str]]) -> dict[str, int]:
    """A certificate is made anew, and what it is compared by with it: names and modes stay."""
    return {name: mode for name, (mode, _) in tree.items()}


def test_a_second_run_beside_the_first_is_refused_and_tells_nothing(host: Host) -> None:
    slow = host.scripts / "steps/05-agent.sh"
    slow.write_text(f'bash "{host.scripts}/setup.sh"; echo "second: $?"\n')

    done = host.run("setup.sh")

    assert done.returncode == 0, done.stderr
    assert "the set-up is already running: wait until it ends" in done.stdout + done.stderr
    assert "second: 91" in done.stdout + done.stderr
