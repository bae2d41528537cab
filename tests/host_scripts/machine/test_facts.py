"""What the machine is and has left: gathered by root, judged by the agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host.machine import facts, judgement
from host.machine.judgement import Facts
from host_scripts.sandbox import SETTINGS, Host, render

if TYPE_CHECKING:
    from collections.abc import Sequence

GIB = 1024**3
TWO_GPUS = "0, 1000, 23034, 7\n1, 3000, 23034, 99\n"
TOLD = {"GPUS": "2", "ENGINE": "gpu"}


class Machine:
    """A root folder and the answers of its programs: the first word -> (status, what it prints)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc").mkdir()
        (root / "proc/meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 400 kB\nHuge: 0\n")
        self.answers: dict[str, list[tuple[int | None, str]]] = {
            "journalctl": [(0, "")],
            "nvidia-smi": [(0, TWO_GPUS)],
            "docker": [(0, "GPU 0: NVIDIA L4\nGPU 1: NVIDIA L4\n")],
        }

    def run(self, command: Sequence[str]) -> tuple[int | None, str]:
        answers = self.answers[command[0]]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def gather(self, **told: str) -> dict[str, Any]:
        return facts.gather({**TOLD, **told}, self.root, self.run, lambda _: None)

    def judged(self) -> Facts:
        """Return the facts as the agent reads them from the file."""
        found = self.gather()
        file = self.root / "machine.json"
        file.write_text(json.dumps(found))
        loaded = judgement.load(file, found["at"])
        assert loaded is not None
        return loaded


@pytest.fixture
def here(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_healthy_machine_is_counted_and_nothing_is_wrong_with_it(here: Machine) -> None:
    found = here.gather()

    assert found["gpus"] == {
        "wanted": 2,
        "here": 2,
        "in_container": 2,
        "memory_used": 4000,
        "memory_size": 46068,
        "utilisation": 99,
    }
    assert found["memory"] == {"size": 1000 * 1024, "free": 400 * 1024}
    assert found["disks"][str(here.root)]["size"] > 0
    assert judgement.lost(here.judged(), serves=False) is None
    assert judgement.without_gpu(here.judged()) is None


@pytest.mark.parametrize("engine", ["cpu", "none"])
def test_without_a_gpu_none_is_asked_for(here: Machine, engine: str) -> None:
    here.answers = {"journalctl": [(0, "")]}

    assert here.gather(ENGINE=engine, GPUS="0")["gpus"] is None


def test_a_missing_gpu_is_reported_with_the_kernels_error(here: Machine) -> None:
    gone = "Unable to determine the device handle for GPU0000:00:1F.0: Unknown Error"
    here.answers["nvidia-smi"] = [(15, f"0, 1000, 23034, 7\n{gone}")]
    here.answers["journalctl"] = [(0, "NVRM: Xid (PCI:0000:00:1f): 79, pid='<unknown>'\n")]

    assert judgement.lost(here.judged(), serves=True) == (
        "a GPU is lost: 1 of 2 answer, Xid 79: GPU fell off the bus; this machine must be replaced"
    )


def test_a_gpu_that_is_missing_for_a_moment_is_counted_again(here: Machine) -> None:
    here.answers["nvidia-smi"] = [(0, ""), (0, TWO_GPUS)]

    assert here.gather()["gpus"]["here"] == 2


def test_an_nvidia_smi_that_does_not_answer_is_no_number(here: Machine) -> None:
    here.answers["nvidia-smi"] = [(None, "")]

    assert here.gather()["gpus"]["here"] is None
    assert judgement.lost(here.judged(), serves=False) is None


def test_a_container_that_lost_its_gpus_is_started_again_and_the_machine_is_kept(
    here: Machine,
) -> None:
    here.answers["docker"] = [(255, "Failed to initialize NVML: Unknown Error\n")]

    assert judgement.lost(here.judged(), serves=False) is None
    assert judgement.without_gpu(here.judged()) == (
        "the engine's container sees 0 of 2 GPUs that this machine has"
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (1, "Error response from daemon: No such container: vllm-0"),
        (1, "Error response from daemon: container 0123 is not running"),
        (126, 'OCI runtime exec failed: exec: "nvidia-smi": executable file not found'),
        (None, ""),
    ],
)
def test_a_container_that_cannot_be_asked_proves_nothing(
    here: Machine, status: int | None, said: str
) -> None:
    here.answers["docker"] = [(status, said)]

    assert here.gather()["gpus"]["in_container"] is None
    assert judgement.without_gpu(here.judged()) is None


@pytest.mark.parametrize("code", sorted(judgement.BROKEN))
def test_a_broken_gpu_ends_a_host_that_does_not_serve_and_warns_of_one_that_does(
    here: Machine, code: int
) -> None:
    here.answers["journalctl"] = [(0, f"NVRM: Xid (PCI:0000:00:1e): {code}, pid=1\n")]

    assert f"Xid {code}" in str(judgement.lost(here.judged(), serves=False))
    assert judgement.lost(here.judged(), serves=True) is None
    assert any(f"Xid {code}" in warning for warning in judgement.warnings(here.judged()))


def test_what_a_program_does_to_a_gpu_is_no_matter_for_its_machine(here: Machine) -> None:
    here.answers["journalctl"] = [(0, "NVRM: Xid (PCI:0000:00:1e): 31, pid=1\n" * 3)]

    assert here.gather()["xids"] == {"31": 3}
    assert judgement.lost(here.judged(), serves=False) is None
    assert judgement.warnings(here.judged()) == ()


def test_a_full_disk_little_memory_and_killed_programs_are_warned_of() -> None:
    facts = Facts(
        disks={"/": (9 * GIB, 100 * GIB), "/var/lib/docker": (11 * GIB, 100 * GIB)},
        memory=(GIB // 10, 16 * GIB),
        oom_kills=1,
    )

    assert judgement.warnings(facts) == (
        "the disk of / has 9.0 of 100 GiB free: raise instance.root_volume_gib",
        "0.1 of 16 GiB memory are free: choose an instance.type with more",
        "the kernel killed a program for lack of memory: choose a larger instance.type",
    )


def test_the_bytes_that_the_engine_fetched_are_counted_without_its_links(here: Machine) -> None:
    cache = here.root / "var/lib/lamplighter/cache/hub"
    cache.mkdir(parents=True)
    (cache / "blob").write_bytes(b"x" * 5000)
    (cache / "link").symlink_to("blob")

    assert 5000 <= here.gather()["fetched"] < 5100


@pytest.mark.parametrize("age", [-400.0, 200.0])
def test_old_facts_say_nothing(here: Machine, age: float) -> None:
    found = here.gather()
    file = here.root / "machine.json"
    file.write_text(json.dumps(found))

    assert judgement.load(file, found["at"] + age) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"at": 1}', '{"at": "x"}'])
def test_damaged_facts_say_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "machine.json"
    file.write_text(text)

    assert judgement.load(file, 1.0) is None
    assert judgement.load(tmp_path / "absent", 1.0) is None
    assert judgement.load(None, 1.0) is None


def test_a_program_that_hangs_or_is_missing_has_no_status() -> None:
    assert facts.run(["/absent/nvidia-smi"]) == (None, "")
    assert facts.run(["sh", "-c", r"printf '\377'; exit 3"]) == (3, "\ufffd")


def test_the_program_writes_the_file_for_others_to_read(host: Host) -> None:
    (host.root / "deployment.env").write_text(
        render("deployment.env.j2", **{**SETTINGS, "engine": "none"})
    )
    Machine(host.root)
    target = host.root / "machine.json"

    done = host.run(
        host.program_of("machine.facts", str(target)),
        DEPLOYMENT_ENV=str(host.root / "deployment.env"),
        ROOT=str(host.root),
    )

    assert done.returncode == 0, done.stderr
    assert target.stat().st_mode & 0o777 == 0o644
    assert judgement.load(target, json.loads(target.read_text())["at"]) is not None
    assert [path.name for path in host.root.glob("machine.json*")] == ["machine.json"]
