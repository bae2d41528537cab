"""The gateway's image, really built from what CodeBuild gets, and run as it is written.

Its base images are stand-ins (lab/image_build.py says of what). Not tried: CodeBuild itself.
"""

from __future__ import annotations

import importlib.util
import io
import os
import platform
import re
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from gateway.access.keys_file import new_entry
from lamplighter.installation import lambda_python
from lamplighter.installation.lambda_python import MissingPython
from machine.lab import packages, whole
from machine.lab.image.image_build import PROXY, ImageBuild
from machine.lab.processes import Processes
from orchestrator.resources.image import archive

pytestmark = [pytest.mark.host, pytest.mark.timeout(900)]

NAME = "lamplighter-gateway"
NAMESPACE = "lamplighter-image"  # of the network: the image's port is free in it
KEYS = "/etc/gateway/keys"
# The platform's ending of machine code; and which modules of the image are compiled.
SUFFIX = f".cpython-312-{platform.machine()}-linux-gnu.so"
COMPILED = f"""\
import gateway.__main__, sys
for name, module in sys.modules.items():
    if name.startswith("gateway.") and module.__file__.endswith("{SUFFIX}"):
        print(name.removeprefix("gateway."))
"""
UNCOPIED = "*\n!requirements.txt\n!gateway\n"


@pytest.fixture(scope="module")
def workshop(request: pytest.FixtureRequest) -> Iterator[ImageBuild]:
    """Everything that a build needs, none made yet."""
    if os.geteuid() != 0:
        pytest.skip("not run: building an image needs root: mounts, chroot")
    try:
        python = lambda_python.find()
    except MissingPython as error:
        pytest.skip(f"not run: {error}")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    images = ImageBuild(whole.HOME / "image-build")
    with capture.global_and_fixture_disabled():  # what takes a minute says so
        packages.provide()
        try:
            images.prepare(python, whole.TREES)
        except MissingPython as error:
            pytest.skip(f"not run: {error}")
    yield images
    images.remove()


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of EnsureImage, unpacked as CodeBuild does."""
    folder = tmp_path_factory.mktemp("source")
    with zipfile.ZipFile(io.BytesIO(archive(PROXY))) as bundle:
        bundle.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def seconds(workshop: ImageBuild, context: Path) -> float:
    """Build the image; return how long it took."""
    began = time.monotonic()
    built = workshop.build(context, NAME)
    assert built.returncode == 0, built.stdout[-4000:]
    return time.monotonic() - began


@pytest.fixture
def network() -> Iterator[Callable[..., list[str]]]:
    """A network of its own with nothing but loopback; return what runs a command in it."""
    # not `ip netns exec`, which has mounts of its own: buildah's containers are mounts, too
    inside = ["nsenter", f"--net=/run/netns/{NAMESPACE}"]
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    yield lambda *command: [*inside, *command]
    subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with a keys file, readable for the image's user."""
    file = tmp_path / "keys"
    file.write_bytes(msgspec.json.encode({"keys": [new_entry("me", "sk-anything-long-enough")]}))
    tmp_path.chmod(0o755)
    return tmp_path


def test_the_image_builds_and_serves_as_its_user_with_compiled_modules(
    workshop: ImageBuild,
    seconds: float,
    network: Callable[..., list[str]],
    keys: Path,
    tmp_path_factory: pytest.TempPathFactory,
    say: Callable[[str], None],
) -> None:
    """Its own entry point and arguments serve, its own health check says so."""
    config = workshop.configuration(NAME)
    container, beside = workshop.container(NAME), workshop.container(NAME)
    given = ("--volume", f"{keys}:/etc/gateway:ro", "--env", f"INFERENCE_KEYS_FILE={KEYS}")
    start = workshop.command(container, [*config["Entrypoint"], *config["Cmd"]], *given)
    check = workshop.command(beside, config["Healthcheck"]["Test"][1:])
    processes = Processes(tmp_path_factory.mktemp("run") / "logs")
    try:
        processes.start("gateway", network(*start))
        processes.wait_for("gateway", lambda: _succeeds(network(*check)), seconds=60)
        user, libraries = _running()
    finally:
        processes.end_all()

    assert user == 10001
    assert [name for name in libraries if name.endswith(f"__mypyc{SUFFIX}")]
    modules = workshop.command(beside, ["python", "-c", COMPILED])
    assert _lines(modules) == set(_build_script().COMPILED)
    say(f"the image was built in {seconds:.0f} s")


def test_a_source_that_the_context_keeps_out_fails_the_build(
    workshop: ImageBuild, context: Path, tmp_path: Path
) -> None:
    """The control: what no emulated CodeBuild has noticed."""
    subprocess.run(["cp", "--archive", f"{context}/.", str(tmp_path)], check=True)
    (tmp_path / ".dockerignore").write_text(UNCOPIED)

    built = workshop.build(tmp_path, "incomplete")

    assert built.returncode != 0
    assert "requirements-compile.txt" in built.stdout


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _running() -> tuple[int, set[str]]:
    """Return the user of the gateway's process, and the libraries that it has loaded."""
    pids = subprocess.check_output(["ip", "netns", "pids", NAMESPACE], text=True).split()
    [gateway] = [each for each in pids if _words(each)[1:3] == ["-m", "gateway"]]
    maps = Path("/proc", gateway, "maps").read_text()
    return Path("/proc", gateway).stat().st_uid, set(
        re.findall(r"[^/\s]+\.so$", maps, re.MULTILINE)
    )


def _lines(command: list[str]) -> set[str]:
    return set(subprocess.check_output(command, text=True).split())


def _words(pid: str) -> list[str]:
    return Path("/proc", pid, "cmdline").read_text().split("\0")


def _build_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", PROXY / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
