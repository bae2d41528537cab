"""diagnose.py: one document of facts, whatever state the machine is in; it changes nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host_scripts.sandbox import API_KEY, HF_TOKEN, Host, sha256
from machine.lab.cloud.metadata import Server
from orchestrator.aws import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

AWS_KEY = "AKIAPLANTEDPLANTED00"
SECRETS = (HF_TOKEN, API_KEY, AWS_KEY)
PLANTED = f"env HF_TOKEN={HF_TOKEN} key {API_KEY} id {AWS_KEY}"
INSTANCE = "i-0123456789abcdef0"
UP = "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nSubState=running\nNRestarts=0"
UNITS = {
    "inference-app.service": f"{UP}\nRestart=always",
    "inference-verify.timer": f"{UP}\nRestart=no",
    "nginx.service": f"{UP}\nRestart=always",
    "vllm@0.service": f"{UP}\nRestart=always",
}
ENGINE = {"Names": "vllm-0", "Labels": "a=b,lamplighter=", "State": "running"}
GPU = "0, NVIDIA L4, GPU-1, 570.1, P0, 41, 30.1 W, 0 %, 20000 MiB, 23034 MiB, 0"
DISK = "Mounted on 1B-blocks Avail Use% Inodes IUse%\n/ 107374182400 64424509440 40% 6553600 9%\n"
SAYS = {
    "systemctl list-units": "",
    "journalctl --unit": "2026-11-24T10:00:00+0000 ip docker[9]: ready",
    "journalctl --dmesg": "kernel: NVRM: loading NVIDIA UNIX x86_64 Kernel Module\nkernel: else",
    "docker ps": json.dumps(ENGINE),
    "docker inspect": json.dumps({"Names": "/vllm-0", "State": {"Running": True}}),
    "docker images": json.dumps({"Repository": "vllm/vllm-openai", "Tag": "v0.32.0"}),
    "nvidia-smi --query-gpu": GPU,
    "df --block-size=1": DISK,
    "ss --listening": "tcp LISTEN 0 511 0.0.0.0:443",
    "nginx -t": "nginx: configuration file /etc/nginx/nginx.conf test is successful",
    "apt-mark showhold": "nvidia-utils-570-server",
    "timedatectl show": "NTP=yes\nNTPSynchronized=yes",
}
COMMANDS = sorted({name.split()[0] for name in SAYS})
# What may be asked of a healthy machine: a new command is a decision.
READS = re.compile(
    r"systemctl (show|list-units) |journalctl (--unit|--dmesg) |docker (ps|images) "
    r"|docker inspect --format=\{\"Names\": \{\{json \.Name\}\}, \"State\": \{\{json \.State\}\}\} "
    r"|nvidia-smi --query-gpu=|df --block-size=1 |ss --listening |nginx -t$|apt-mark showhold$"
    r"|timedatectl show "
)
HOSTILE = [
    r"C:\new\u0000 \ud800 \x",
    '"}], "problems": [], "x": {"',
    "$$(touch owned) `touch owned` %s %n",
    "a\x00b\x01c\x1b[31mred\x1b[0m\x1b]0;title\x07\x7f\x9b",
    "\u2028 \u2029 \u202e \ufeff \U0001f600",
    b"\xff\xfe\xc3\x28 \xed\xa0\x80 \xf0\x9f".decode("latin-1"),
    "x" * 1_000_000,
    "y z " * 250_000,
    "\r".join(f"{percent} %" for percent in range(5000)),
    "[" * 50_000,
    '{"a": ' * 20_000,
    "-----BEGIN PRIVATE KEY-----\n" * 3000,
    "1e999",
    "",
]


class Machine(Host):
    """A machine that serves: said/ holds what its commands say, by their first two words."""

    def __init__(self, root: Path, metadata: str) -> None:
        super().__init__(root)
        self.metadata, self.said = metadata, root / "said"
        self.said.mkdir()
        self.install()
        for command in COMMANDS:
            self.answer(command, f'f="{self.said}/{command} $1"; f="${{f%%=[a-z]*}}"; {ANSWERS}')
        for name, text in SAYS.items():
            self.says(name, text)
        self.units()
        self.run_dir.mkdir(parents=True)
        layers = dict.fromkeys(("engine", "gateway", "nginx", "completion"))
        self.verdict("verify.json", {"ok": True, "boot_id": "boot-of-today", "layers": layers})
        self.verdict("certificate", {"kind": "dns-01", "problem": None})
        self.verdict("phase", {"phase": "done", "percent": 100, "cause": None})
        (root / "state" / "lamplighter").mkdir(parents=True)
        (root / "state" / "lamplighter" / "setup-done").touch()
        self.log("lamplighter/20-gpu.sh.log", "fine\n")
        self.log("cloud-init-output.log", "booted\n")
        self.seal_scripts()

    def says(self, name: str, text: str | bytes) -> None:
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        (self.said / name).write_bytes(raw)

    def units(self, **changed: str) -> None:
        """Let systemctl show these, by name with _ for the dot."""
        shown = UNITS | {name.replace("_", "."): text for name, text in changed.items()}
        self.says("systemctl show", "\n\n".join(f"Id={n}\n{t}" for n, t in shown.items()))

    def verdict(self, name: str, told: Any) -> None:
        (self.run_dir / name).write_text(json.dumps(told))

    def log(self, name: str, text: str | bytes) -> None:
        path = self.root / "log" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        path.write_bytes(raw)

    def seal_scripts(self) -> None:
        files = sorted(path for path in self.scripts.rglob("*") if path.is_file())
        sums = [f"{sha256(p)}  {p.relative_to(self.scripts)}\n" for p in files]
        (self.scripts / "SHA256SUMS").write_text("".join(s for s in sums if "SHA256SUMS" not in s))

    def environment(self) -> dict[str, str]:
        aws = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.metadata}
        return {**super().environment(), **aws}

    def diagnose(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.program_of("diagnose", *words), **environment)

    def document(self, **environment: str) -> dict[str, Any]:
        done = self.diagnose(**environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def everything(self) -> dict[str, tuple[int, bytes]]:
        """Return every file but the recorders' own, with mode and content."""
        files = [p for p in self.root.rglob("*") if p.is_file() and p != self.root / "calls"]
        return {str(path): (path.stat().st_mode, path.read_bytes()) for path in files}


ANSWERS = '[ "${0##*/}" != nginx ] || exec >&2; if [ -f "$f" ]; then cat "$f"; fi'


@pytest.fixture
def metadata() -> Iterator[Server]:
    where = {
        "accountId": "123456789012",
        "availabilityZone": "eu-central-1a",
        "region": "eu-central-1",
    }
    identity = {"instanceId": INSTANCE, "instanceType": "g6.xlarge", "imageId": "ami-1"} | where
    document = {"user_data": "", "identity": identity, "role": "r", "meta_data": {}}
    server = Server(("127.0.0.1", 0), document)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def machine(tmp_path: Path, metadata: Server) -> Machine:
    return Machine(tmp_path, f"http://127.0.0.1:{metadata.server_port}")


def test_b14_a_healthy_host_has_no_problems_and_nothing_on_it_changes(machine: Machine) -> None:
    as_told = machine.root / "as-told.sh"  # in the README: without -B
    as_told.write_text(f"exec python3 {machine.scripts}/bin/diagnose.py\n")
    before = machine.everything()

    done = machine.run(as_told, PYTHONDONTWRITEBYTECODE="")

    assert json.loads(done.stdout)["problems"] == []
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.everything() == before
    assert [call for call in machine.calls if not READS.match(call)] == []


def test_the_document_begins_with_its_problems_and_holds_the_facts(machine: Machine) -> None:
    told = machine.document()

    assert list(told)[:2] == ["at", "problems"]
    assert told["settings"]["MODEL"] == "org/model"
    assert told["instance"] | {"instanceId": INSTANCE, "imageId": "ami-1"} == told["instance"]
    assert told["boot"]["boot_id"] == "boot-of-today"
    assert told["setup"]["phase"]["phase"] == "done"
    assert told["verdicts"]["verify.json"]["ok"]
    assert told["units"]["vllm@0.service"]["ActiveState"] == "active"
    assert told["units"]["vllm@0.service"]["journal"].endswith("docker[9]: ready")
    assert told["containers"][0]["Inspected"] == {"Running": True}
    assert told["gpus"][0]["memory.total"] == "23034 MiB"
    assert told["kernel"] == "kernel: NVRM: loading NVIDIA UNIX x86_64 Kernel Module"
    assert told["disks"][0] | {"folder": "/", "used_percent": 40} == told["disks"][0]
    assert told["integrity"] == {"changed": [], "missing": [], "added": []}
    assert told["logs"] == {"20-gpu.sh.log": "fine", "cloud-init-output.log": "booted"}


def test_the_units_that_are_asked_for_are_those_that_the_host_gets(machine: Machine) -> None:
    machine.document()

    [show] = [call for call in machine.calls if call.startswith("systemctl show")]
    assert {"vllm@0.service", "nginx.service", "inference-verify.timer"} <= set(show.split())
    assert "vllm@.service" not in show


def test_a_container_is_never_asked_for_its_environment(machine: Machine) -> None:
    machine.document()

    [inspect] = [call for call in machine.calls if call.startswith("docker inspect")]
    assert inspect.endswith(" vllm-0")
    assert re.findall(r"\{\{(.*?)\}\}", inspect) == ["json .Name", "json .State"]


def test_no_secret_leaves_the_host_from_whatever_source(machine: Machine) -> None:
    machine.units(**{"vllm@0_service": f"{UP}\nResult={PLANTED}"})
    for name, text in SAYS.items():
        machine.says(name, f"{text}\n{PLANTED}\n")
    state = {"Running": False, "Error": PLANTED, f"key {API_KEY}": 1}
    machine.says("docker ps", json.dumps(ENGINE | {"Command": PLANTED}))
    machine.says("docker inspect", json.dumps({"Names": "/vllm-0", "State": state}))
    machine.says("journalctl --dmesg", f"NVRM: Xid {PLANTED}")
    machine.says("timedatectl show", f"NTP={PLANTED}")
    machine.says("systemctl list-units", f"{API_KEY}.service failed")
    machine.configure(vllm_args=PLANTED)
    for name in ("verify.json", "certificate", "machine.json", "repairs", "phase"):
        machine.verdict(name, {"boot_id": "boot-of-today", "layers": {"engine": PLANTED}})
    machine.log("lamplighter/20-gpu.sh.log", PLANTED)
    machine.log("cloud-init-output.log", f"{'x' * 100_000}{PLANTED}\n{PLANTED}")
    (machine.scripts / f"{HF_TOKEN}.sh").touch()

    done = machine.diagnose("--upload")

    assert [secret for secret in SECRETS if secret[8:] in done.stdout + done.stderr] == []
    told = json.loads(done.stdout)
    without = {name for name, part in told.items() if "***" not in json.dumps(part)}
    assert without == {"at", "instance", "boot", "disks", "memory"}


@pytest.mark.parametrize(
    "text",
    [
        f"{'x' * 300_000} {PLANTED}",
        f"{'x y ' * 100_000}{PLANTED}\n" * 3,
        f"a \x1b[32m{HF_TOKEN[:9]}\x1b[0m{HF_TOKEN[9:]}",
        f"run\x00--env\x00HF_TOKEN={HF_TOKEN}\x00{API_KEY}\r{AWS_KEY}\r",
        f"{'MIIEplanted' * 6}\n{API_KEY}\n-----END PRIVATE KEY-----\nafter",
    ],
    ids=["a long line", "long lines", "colours", "control characters", "half a private key"],
)
def test_a_secret_that_is_cut_coloured_or_hidden_is_masked_all_the_same(
    machine: Machine, text: str
) -> None:
    machine.says("journalctl --unit", text)
    machine.log("cloud-init-output.log", text)

    told = json.dumps(machine.document())

    assert [part for part in (*(s[8:] for s in SECRETS), "MIIEplanted") if part in told] == []


def test_a_secret_of_which_only_the_end_is_read_is_not_shown(machine: Machine) -> None:
    rest = f"{HF_TOKEN[5:]}\n"
    lines = [*["l" * 727] * 89, ""]
    filler = "\n".join(lines) + "m" * (64 * 1024 - len(rest) - 89 * 728)
    machine.log("cloud-init-output.log", HF_TOKEN[:5] + rest + filler)

    log = machine.document()["logs"]["cloud-init-output.log"]

    assert (len(log), log[0]) == (90, "l" * 727)


@pytest.mark.parametrize("hostile", HOSTILE, ids=[f"{h[:12]!a}" for h in HOSTILE])
def test_b17_the_document_parses_whatever_a_log_says(machine: Machine, hostile: str) -> None:
    raw = hostile.encode("latin-1" if "\xff" in hostile else "utf-8", "surrogatepass")
    for name, text in SAYS.items():
        machine.says(name, text.encode() + b"\n" + raw + b"\n")
    for name in ("systemctl show", "docker ps", "docker inspect"):
        machine.says(name, (machine.said / name).read_bytes() + raw)
    for name in ("verify.json", "certificate", "machine.json", "repairs", "phase"):
        (machine.run_dir / name).write_bytes(raw)
    machine.log("lamplighter/20-gpu.sh.log", raw)
    machine.log("cloud-init-output.log", b"before\n" + raw + b"\nafter")

    done = machine.diagnose()

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout, parse_constant=pytest.fail)
    assert re.fullmatch(r"[\n -~]+", done.stdout)
    assert len(done.stdout) <= 1024 * 1024
    if "BEGIN PRIVATE KEY" not in hostile:  # a key without an end hides all that follows
        assert "after" in told["logs"]["cloud-init-output.log"]
    assert not [text for text in strings(told) if re.search(r"[\x00-\x1f\x7f-\x9f]", text)]
    assert not list(machine.root.rglob("owned"))


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("text", HOSTILE[:3])
def test_b17_what_only_looks_dangerous_is_shown_as_it_is(machine: Machine, text: str) -> None:
    machine.says("journalctl --unit", text)

    assert machine.document()["units"]["nginx.service"]["journal"] == text


def parts_that_differ(told: dict[str, Any], healthy: dict[str, Any]) -> set[str]:
    moving = {"at", "problems", "boot", "memory"}
    return {name for name in healthy if told[name] != healthy[name]} - moving


CONCERNS = {
    "apt-mark": {"held_packages"},
    "df": {"disks"},
    "docker": {"containers", "images"},
    "journalctl": {"units", "kernel"},
    "nginx": {"nginx"},
    "nvidia-smi": {"gpus"},
    "ss": {"sockets"},
    "systemctl": {"units", "failed_units"},
    "timedatectl": {"clock"},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_fails_or_is_absent_spoils_its_own_facts_only(
    machine: Machine, command: str
) -> None:
    healthy = machine.document()
    machine.answer(command, "echo it is broken >&2; exit 3")
    failing = machine.document()
    machine.forget(command)
    absent = machine.document()

    for told, why in ((failing, "it is broken"), (absent, f"this machine has no {command}")):
        assert parts_that_differ(told, healthy) == CONCERNS[command]
        assert all(why in json.dumps(told[name]) for name in CONCERNS[command])
        assert told["problems"] != [] or command == "journalctl"


@pytest.mark.parametrize("command", ["docker", "journalctl", "nginx", "nvidia-smi"])
def test_a_command_that_hangs_costs_its_own_facts_only_and_does_not_stay(
    machine: Machine, command: str
) -> None:
    healthy = machine.document()
    hangs = f'echo $$ >> "{machine.root}/hanging"; {shutil.which("sleep")} 600'
    machine.answer(command, f"trap '' TERM; {hangs}; {hangs}")

    done = machine.diagnose(DIAGNOSE_SECONDS="7.5")

    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert parts_that_differ(told, healthy) == CONCERNS[command]
    assert all("no answer within 3 s" in json.dumps(told[name]) for name in CONCERNS[command])
    assert min(CONCERNS[command]) in done.stderr.partition("diagnose: waiting for ")[2]
    pids = (machine.root / "hanging").read_text().split()
    assert [pid for pid in pids if Path("/proc", pid).exists()] == []


def test_when_everything_hangs_there_still_is_a_document(machine: Machine) -> None:
    for command in COMMANDS:
        machine.answer(command, f"exec {shutil.which('sleep')} 600")

    told = machine.document(DIAGNOSE_SECONDS="2.5")

    assert told["settings"]["DEPLOYMENT"] == "demo"
    assert told["integrity"]["changed"] == []
    assert len(told["problems"]) >= len(COMMANDS) - 1


def test_a_machine_without_docker_systemd_and_a_gpu_gives_a_document(machine: Machine) -> None:
    for command in COMMANDS:
        machine.forget(command)
    shutil.rmtree(machine.run_dir)

    told = machine.document(AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9")

    assert "units is unknown: this machine has no systemctl" in told["problems"]
    assert "the metadata service did not answer" in told["instance"]["problem"]
    assert told["logs"]["20-gpu.sh.log"] == "fine"


def test_a_file_that_is_a_pipe_a_link_or_damaged_spoils_nothing_else(machine: Machine) -> None:
    healthy = machine.document()
    (machine.run_dir / "verify.json").unlink()
    os.mkfifo(machine.run_dir / "verify.json")
    (machine.root / "log/cloud-init-output.log").unlink()
    (machine.root / "log/cloud-init-output.log").symlink_to("/etc/shadow")
    (machine.run_dir / "phase").write_text("{")

    told = machine.document()

    assert parts_that_differ(told, healthy) == {"setup", "verdicts", "logs"}
    assert "is no ordinary file" in told["verdicts"]["verify.json"]["problem"]
    assert told["verdicts"]["certificate"] == healthy["verdicts"]["certificate"]
    assert "symbolic link" in told["logs"]["cloud-init-output.log"]["problem"]
    assert "is no JSON" in told["setup"]["phase"]["problem"]


def test_a_document_that_would_be_too_long_is_cut_where_it_is_longest(machine: Machine) -> None:
    machine.says("journalctl --unit", "\n".join("j" * 1900 for _ in range(130)))
    for number in range(40):
        machine.log(f"lamplighter/{number}.log", "\n".join("l" * 1500 for _ in range(130)))

    done = machine.diagnose()

    assert 100_000 < len(done.stdout) <= 1024 * 1024
    told = json.loads(done.stdout)
    assert told["units"]["nginx.service"]["journal"][0].startswith("(cut: ")
    assert told["logs"]["7.log"][-1] == "l" * 1500
    assert told["logs"]["20-gpu.sh.log"] == "fine"


FAILED = "ActiveState=failed\nSubState=failed\nResult=exit-code\nNRestarts=5\nExecMainStatus=1"


def break_engine(machine: Machine) -> None:
    machine.units(**{"vllm@0_service": FAILED})
    machine.says("journalctl --unit", "loading\nValueError: no such model\ndone")


def change_files(machine: Machine) -> None:
    (machine.scripts / "setup.sh").write_text("exit\n")
    (machine.scripts / "lib.sh").unlink()
    (machine.scripts / "15-new.sh").touch()


def boot_again(machine: Machine) -> None:
    (machine.root / "boot_id").write_text("boot-of-tomorrow\n")


def begin_again(machine: Machine) -> None:
    (machine.root / "state/lamplighter/setup-done").unlink()
    machine.verdict("phase", {"phase": "images", "percent": 50, "cause": None})


def fail_setup(machine: Machine) -> None:
    begin_again(machine)
    machine.verdict("phase", {"phase": "failed", "percent": 0, "cause": "no GPU: take one"})


def refuse_engine(machine: Machine) -> None:
    layers = {"engine": "refused", "nginx": None}
    machine.verdict("verify.json", {"ok": False, "boot_id": "boot-of-today", "layers": layers})


STOPPED = UP.replace("active\n", "inactive\n").replace("running", "dead")
BREAKAGES = {
    "a failed set-up": (fail_setup, ["the set-up failed: no GPU: take one"]),
    "a failed unit": (
        break_engine,
        ["vllm@0.service failed (exit-code, status 1, 5 restarts): ValueError: no such model"],
    ),
    "a loop": (
        lambda m: m.units(nginx_service="SubState=auto-restart\nNRestarts=9"),
        ["nginx.service keeps exiting (9 restarts): "],
    ),
    "a stopped unit": (
        lambda m: m.units(nginx_service=f"{STOPPED}\nRestart=always"),
        ["nginx.service is not running"],
    ),
    "a dead container": (
        lambda m: m.says("docker ps", json.dumps(ENGINE | {"State": "dead"})),
        ["the container vllm-0 is dead"],
    ),
    "a lost GPU": (
        lambda m: m.says("nvidia-smi --query-gpu", ""),
        ["a GPU is lost: 0 of 1 answer; this machine must be replaced"],
    ),
    "a layer": (refuse_engine, ["engine does not work: refused"]),
    "an old verdict": (boot_again, ["the verdict on the chain is from an earlier boot"]),
    "no verdict": (
        lambda m: (m.run_dir / "verify.json").unlink(),
        ["the chain has not been verified yet"],
    ),
    "nginx": (
        lambda m: m.answer("nginx", "echo unknown directive >&2; exit 1"),
        ["nginx rejects its configuration: unknown directive"],
    ),
    "a full disk": (
        lambda m: m.says("df --block-size=1", DISK.replace("64424509440", "9663676416", 1)),
        ["the disk of / has 9.0 of 100 GiB free: raise instance.root_volume_gib"],
    ),
    "a disk of many small files": (
        lambda m: m.says("df --block-size=1", DISK.replace("9%\n", "99%\n")),
        ["the disk of / has 1 % of its inodes left"],
    ),
    "the kernel": (
        lambda m: m.says("journalctl --dmesg", "NVRM: Xid (PCI:0): 79, fell off\noom-kill: x"),
        ["the kernel's log reports a GPU's error in 1 lines", "for lack of memory"],
    ),
    "changed files": (
        change_files,
        [
            "1 of our files are changed: setup.sh",
            "1 of our files are missing: lib.sh",
            "1 of our files are added: 15-new.sh",
        ],
    ),
    "a set-up under way": (begin_again, ["the set-up is not finished: images, 50 %"]),
    "the certificate": (
        lambda m: m.verdict("certificate", {"problem": "the authority refused"}),
        ["the certificate: the authority refused"],
    ),
    "repairs": (
        lambda m: m.verdict("repairs", [{"part": "engine", "at": 77.2, "why": "it hangs"}]),
        ["this host repaired itself 1 times, most recently engine 77 s after the boot: it hangs"],
    ),
    "the clock": (
        lambda m: m.says("timedatectl show", "NTPSynchronized=no"),
        ["the clock is not synchronised"],
    ),
    "somebody else's unit": (
        lambda m: m.says("systemctl list-units", "snapd.service loaded failed failed Snap\n"),
        ["snapd.service failed, which is not ours"],
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_what_is_wrong_is_said_in_a_sentence_and_nothing_else_is(
    machine: Machine, breakage: str
) -> None:
    harm, sentences = BREAKAGES[breakage]
    harm(machine)

    problems = machine.document()["problems"]

    assert len(problems) == len(sentences), problems
    assert all(part in told for part, told in zip(sentences, problems, strict=True)), problems


def test_what_keeps_a_host_from_serving_comes_first(machine: Machine) -> None:
    for name in ("the clock", "changed files", "a full disk", "a layer", "a failed unit"):
        BREAKAGES[name][0](machine)

    problems = machine.document()["problems"]

    order = ["vllm@0.service failed", "engine does not", "disk of /", "setup.sh", "the clock"]
    places = [next(n for n, told in enumerate(problems) if part in told) for part in order]
    assert places == sorted(places)


def test_a_host_without_an_engine_misses_no_gpu_and_a_chosen_certificate_is_no_problem(
    machine: Machine,
) -> None:
    machine.configure(engine="none", gpus=0, certificate="self-signed")
    machine.seal_scripts()
    machine.verdict("certificate", {"kind": "self-signed", "problem": "clients cannot verify it"})
    machine.forget("nvidia-smi")

    assert machine.document()["problems"] == []


def test_a_known_cause_is_shown_with_its_remedy(machine: Machine) -> None:
    machine.units(**{"vllm@0_service": FAILED})
    machine.says("journalctl --unit", "OSError: [Errno 28] No space left on device")

    [problem] = machine.document()["problems"]

    assert problem.endswith("the disk is full: raise instance.root_volume_gib")


def uploaded(machine: Machine) -> list[Path]:
    return [path for path in (machine.aws / "s3").glob("*/diagnostics/**/*") if path.is_file()]


def test_an_upload_lies_in_the_bucket_that_the_orchestrator_made(machine: Machine) -> None:
    done = machine.diagnose("--upload")

    assert done.returncode == 0, done.stderr
    [path] = uploaded(machine)
    url = done.stderr.splitlines()[-1]
    assert url == f"s3://{path.relative_to(machine.aws / 's3')}"
    bucket = naming.bucket("demo", "123456789012", "eu-central-1")
    assert re.fullmatch(rf"s3://{bucket}/diagnostics/{INSTANCE}/\d{{8}}T\d{{6}}Z\.json", url)
    assert path.read_text() == done.stdout.removesuffix("\n")


def deny(machine: Machine, _: Server) -> None:
    (machine.aws / "s3-denied").touch()


def usurp(machine: Machine, _: Server) -> None:
    """Let the bucket's name be another account's."""
    (machine.aws / "s3-owner").write_text("666666666666")


def forget_boto3(machine: Machine, _: Server) -> None:
    (machine.root / "boto3.py").write_text("raise ImportError('no boto3')\n")


def forget_settings(machine: Machine, _: Server) -> None:
    (machine.scripts / "deployment.env").unlink()


def confuse(_: Machine, metadata: Server) -> None:
    metadata.answers["dynamic/instance-identity/document"] = "<html>"


def silence(_: Machine, metadata: Server) -> None:
    metadata.answers.clear()


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (deny, r"s3://lamplighter-demo-\d+-eu-central-1 refused: .*AccessDenied"),
        (usurp, r"s3://lamplighter-demo-\d+-eu-central-1 refused: .*AccessDenied"),
        (forget_boto3, "this machine has no boto3 yet"),
        (forget_settings, r"there is no \S+/deployment\.env: fetch.py did not bring it"),
        (confuse, "the metadata service says nothing sensible"),
        (silence, "the metadata service did not answer"),
    ],
)
def test_an_upload_that_fails_says_why_and_the_document_was_printed(
    machine: Machine, metadata: Server, harm: Any, why: str
) -> None:
    harm(machine, metadata)
    path = f"{machine.root}:{machine.environment()['PYTHONPATH']}"

    done = machine.diagnose("--upload", PYTHONPATH=path)

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.match(f"diagnose: the document was not uploaded: {why}", last)
    assert "problems" in json.loads(done.stdout)
    assert uploaded(machine) == []


def test_without_boto3_there_is_a_document(machine: Machine, metadata: Server) -> None:
    forget_boto3(machine, metadata)

    assert machine.document(PYTHONPATH=str(machine.root))["problems"] == []


@pytest.mark.parametrize("words", [["--repair"], ["now"]])
def test_anything_else_that_is_asked_is_refused_before_anything_is_looked_at(
    machine: Machine, words: list[str]
) -> None:
    done = machine.diagnose(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert machine.calls == []
