"""A host in a folder: the real scripts, a PATH of chosen commands only, recorders for the rest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
from orchestrator.spec.engine import DEFAULT_ENGINE_IMAGE

TESTS = Path(__file__).parent
ROOT = TESTS.parents[1]
SCRIPTS = ROOT / "host_scripts"
JINJA = jinja2.Environment(
    loader=jinja2.FileSystemLoader(SCRIPTS / "templates"),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - no HTML here
)

# fmt: off
REAL = [
    "bash", "sh", "cat", "chmod", "cmp", "cp", "cut", "dirname", "du", "basename", "env", "false",
    "find", "flock", "grep", "head", "install", "ls", "mkdir", "mktemp", "mv", "openssl", "rm",
    "sed", "sha256sum", "sort", "tail", "tee", "touch", "tr", "true", "uname", "uniq",
]
RECORDED = [
    "apt-get", "apt-mark", "certbot", "curl", "df", "docker", "dpkg", "getent", "groupadd",
    "journalctl", "nginx", "nvidia-ctk", "nvidia-smi", "sleep", "unattended-upgrade",
    "useradd",
]
# A machine that serves at once: whoever asks for a verdict gets a good one.
SERVES = """case "$*" in
"start inference-verify.service")
  mkdir -p "$RUN/lamplighter"
  printf '{"ok": true, "boot_id": "%s"}' "$(cat "$BOOT_ID_FILE")" >"$RUN/lamplighter/verify.json" ;;
is-failed*) exit 1 ;;
enable*) printf '%s\\n' "$@" >>"$FAKE_AWS/../enabled" ;;
is-enabled*) grep -qxF "$3" "$FAKE_AWS/../enabled" 2>/dev/null ;;
esac"""
# fmt: on
PYTHON = f'exec {sys.executable} "$@"'

ACCOUNT = "123456789012"
BUCKET = f"lamplighter-demo-{ACCOUNT}-eu-central-1"
API_KEY = "sk-planted-api-key-000000000000"
HF_TOKEN = "hf_plantedtoken0000000000000000"
UNLIMITED = (
    *("not_before", "expires", "models"),
    *("requests_per_minute", "tokens_per_minute", "concurrency", "tokens_per_day"),
)
SECRETS = (API_KEY, HF_TOKEN, "registry-password")

SETTINGS: dict[str, Any] = {
    "release": "0.1.0",
    "installation": "lamplighter",
    "deployment": "demo",
    "aws_region": "eu-central-1",
    "event_bus": "lamplighter",
    "endpoint_host": "infer.example.com",
    "email": "ops@example.com",
    "engine": "gpu",
    "gpus": 1,
    "model": "org/model",
    "vllm_image": DEFAULT_ENGINE_IMAGE,
    "vllm_port": 8000,
    "vllm_args": "--max-model-len 8192 --gpu-memory-utilization 0.9",
    "engine_arguments": "--max-num-seqs 64",
    "gateway_image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/lamplighter-demo:abc",
    "gateway_settings": f"{ACCOUNT}/{BUCKET}/gateway/0123456789abcdef.json",
    "gateway_port": 8080,
    "default_timeout_seconds": 90,
    "max_timeout_seconds": 600,
    "hf_token_parameter": "/lamplighter/demo/hf-token",
    "api_key_parameter": "/lamplighter/demo/api-key",
    "keys_path": "/lamplighter/demo/keys",
    "report_seconds": 30,
    "certificate": "dns-01",
    "own_certificate": "",
    "acme_directory": "https://acme-v02.api.letsencrypt.org/directory",
    "hosted_zone": "Z0123456789ABC",
    "tls_path": "/lamplighter/demo/tls",
    "metrics_namespace": "Lamplighter/demo",
}


def render(template: str, **values: Any) -> str:
    return JINJA.get_template(template).render(**values)


def user_data(program: str, folder: str) -> str:
    """Return what boots a machine with the program of this hash, from this folder of its bucket."""
    known = {"account": ACCOUNT, "bucket": BUCKET, "folder": folder, "program_sha256": program}
    return render("bootstrap.py.j2", **known, **SETTINGS)


class Host:
    """scripts = /opt/lamplighter, root/etc = /etc and so on; calls = what the recorders saw."""

    def __init__(self, root: Path) -> None:
        self.root, self.scripts, self.bin = root, root / "opt" / "lamplighter", root / "bin"
        self.etc, self.run_dir = root / "etc", root / "run" / "lamplighter"
        self.aws = root / "aws"
        self.bin.mkdir()
        for command in REAL:
            (self.bin / command).symlink_to(str(shutil.which(command)))
        for command in RECORDED:
            self.answer(command)
        self.answer("systemctl", SERVES)
        self.answer("df", "echo Avail; echo 107374182400")
        self.answer("nvidia-smi", "echo 'GPU 0: NVIDIA L4'")
        self.answer("docker", 'case "$*" in "network inspect"*--format*) echo ,172.18.0.1;; esac')
        self.gpu = root / "pci" / "0000:00:1e.0" / "vendor"
        self.gpu.parent.mkdir(parents=True)
        self.gpu.write_text("0x10de\n")
        self.program("python3", PYTHON)
        (root / "boot_id").write_text("boot-of-today\n")
        self.parameter("lamplighter/demo/api-key", API_KEY)
        self.parameter("lamplighter/demo/hf-token", HF_TOKEN)
        self.key("default")
        self.gateway_settings()

    def install(self, **changed: Any) -> None:
        """Put the scripts and rendered settings where bootstrap would have put them."""
        shutil.copytree(SCRIPTS, self.scripts, ignore=shutil.ignore_patterns("*.j2", "__pycache__"))
        self.configure(**changed)

    def configure(self, **changed: Any) -> None:
        values = {**SETTINGS, **changed}
        (self.scripts / "deployment.env").write_text(render("deployment.env.j2", **values))
        (self.scripts / "nginx.conf").write_text(render("nginx.conf.j2", **values))

    def answer(self, command: str, body: str = "true") -> None:
        """Record every call of command, then do body (shell)."""
        self.program(command, f'echo "{command} $*" >> "{self.root}/calls"\n{body}')

    def program(self, name: str, body: str) -> None:
        """Put a new file on the PATH; most names there are links, and the machine's own stay."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        with path.open("x") as file:
            file.write(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def forget(self, command: str) -> None:
        (self.bin / command).unlink()

    def publish(self) -> str:
        """Upload the scripts as the orchestrator does; return the rendered user_data."""
        folder = self.aws / "s3" / BUCKET / "scripts" / "not-sealed-yet"
        shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("*.j2", "__pycache__"))
        for name in ("deployment.env", "nginx.conf"):
            (folder / name).write_text(render(f"{name}.j2", **SETTINGS))
        return self.seal()

    def seal(self) -> str:
        """Write the sums of what is published; return user_data for it."""
        folder = self.published
        (folder / "SHA256SUMS").unlink(missing_ok=True)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sums = "".join(f"{sha256(path)}  {path.relative_to(folder)}\n" for path in files)
        (folder / "SHA256SUMS").write_text(sums)
        digest, program = sha256(folder / "SHA256SUMS"), sha256(folder / "fetch.py")
        folder.rename(folder.with_name(digest))
        return user_data(program, f"scripts/{digest}")

    @property
    def published(self) -> Path:
        return next((self.aws / "s3").glob("*/scripts/*"))

    def run(self, script: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the host; calls starts empty."""
        (self.root / "calls").write_text("")
        return subprocess.run(
            ["bash", self.scripts / script],
            env={**self.environment(), **environment},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def program_of(self, name: str, *words: str) -> Path:
        """Return a script that runs one of our Python programs as its unit does."""
        script = self.root / f"run-{name}.sh"
        program = f"python3 -B -m host.{name} {' '.join(words)}"
        script.write_text(f"cd {self.scripts}; exec {program}\n")
        return script

    def environment(self) -> dict[str, str]:
        return {
            "PATH": str(self.bin),
            "PYTHONPATH": str(TESTS / "fake_aws"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "FAKE_AWS": str(self.aws),
            "OPT": str(self.root / "opt"),
            "ETC": str(self.etc),
            "RUN": str(self.root / "run"),
            "STATE": str(self.root / "state"),
            "LOGS": str(self.root / "log"),
            "WWW": str(self.root / "www"),
            "GATEWAY_GROUP": str(os.getgid()),
            "GATEWAY_USER": str(os.getuid()),
            "ENGINE_GROUP": str(os.getgid()),
            "ENGINE_USER": str(os.getuid()),
            "DOCKER_ROOT": str(self.root),
            "HF_ENDPOINT": "http://127.0.0.1:9",  # nobody answers
            "PCI": str(self.root / "pci"),
            "BOOT_ID_FILE": str(self.root / "boot_id"),
        }

    @property
    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()

    def tree(self) -> dict[str, tuple[int, str]]:
        """Return every file the scripts own, with its mode and content's hash."""
        owned = [self.etc, self.root / "run", self.root / "state", self.root / "www"]
        files = [path for folder in owned for path in folder.rglob("*") if path.is_file()]
        return {str(p.relative_to(self.root)): (p.stat().st_mode, sha256(p)) for p in files}

    def parameter(self, name: str, value: str) -> None:
        path = self.aws / "ssm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)

    def gateway_settings(self, **described: Any) -> None:
        """Let the bucket have settings of the gateway, as provision writes them."""
        path = self.aws / "s3" / str(SETTINGS["gateway_settings"]).partition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"settings": {}, "fallbacks": [], "keys": {}, **described}))

    def key(self, key_id: str) -> None:
        """Let SSM have a key of this id, as provision and `lamplighter keys` write it."""
        self.parameter(f"lamplighter/demo/keys/{key_id}", json.dumps([entry(key_id)]))


def entry(key_id: str, **changed: Any) -> dict[str, Any]:
    """One entry of the keys file; the salt tells two apart."""
    salt = hashlib.sha256(key_id.encode()).hexdigest()[:32]
    digest = hashlib.sha256(bytes.fromhex(salt) + API_KEY.encode()).hexdigest()
    plain = {"id": key_id, "salt": salt, "sha256": digest, "priority": "standard"}
    return plain | dict.fromkeys(UNLIMITED) | changed


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
