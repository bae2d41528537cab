"""The two container images, made of what is here and pushed as CodeBuild's docker would.

python    Debian's Python, cut out of the machine's own tree by dpkg's lists of files
packages  what proxy/requirements.txt pins, installed as proxy/Dockerfile does
code      the gateway; or the twin's stub engine behind vLLM's flags (engine.py)
"""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
from host.lab import network
from host.lab.certificates import Certificates
from host.lab.cloud import REGISTRY, REGISTRY_PASSWORD

ROOT = Path(__file__).parents[3]

# fmt: off
_PYTHON = (
    "base-files", "coreutils", "dash", "libacl1", "libattr1", "libbz2-1.0", "libc6", "libexpat1",
    "libffi8", "libgcc-s1", "libgmp10", "liblzma5", "libpcre2-8-0", "libpython3.11-minimal",
    "libpython3.11-stdlib", "libselinux1", "libsqlite3-0", "libssl3", "libstdc++6", "libuuid1",
    "media-types", "python3-minimal", "python3.11-minimal", "zlib1g",
)
_FOLDERS = ("usr", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc")
_MERGED = ("bin", "sbin", "lib", "lib64")  # links into usr
_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale",
             "proc", "sys", "dev", "boot", "run", "tmp")
# fmt: on
_PACKAGES = "usr/local/lib/python3.11/dist-packages"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True, slots=True)
class Layer:
    path: Path
    digest: str


class Images:
    """Layers lie in folder until both images are pushed."""

    def __init__(self, folder: Path, tree: Path, certificates: Certificates) -> None:
        folder.mkdir()
        self.folder, self.tree, self.certificates = folder, tree, certificates

    def push(self, gateway: str, engine: str) -> None:
        """Push both under these URIs."""
        shared = [self._python(), self._packages()]
        proxy = self._files("gateway", {"app/inference_proxy": ROOT / "proxy/inference_proxy"})
        stub = self._files(
            "engine",
            {
                "app/twin": ROOT / "twin",
                "app/engine.py": Path(__file__).with_name("engine.py"),
            },
        )
        entry = ["python", "-m", "inference_proxy"]
        network.within(network.CLOUD, lambda: self._push(gateway, [*shared, proxy], entry))
        entry = ["python", "/app/engine.py"]
        network.within(network.CLOUD, lambda: self._push(engine, [*shared, stub], entry))

    def _python(self) -> Layer:
        with self._tar("python") as tar:
            for name in [*_MERGED, *_FOLDERS, *self._files_of(_PYTHON)]:
                tar.add(self.tree / name, name, recursive=False)
            for name in ("proc", "sys", "dev", "tmp", "app", "cache"):
                tar.addfile(_folder(name))
            tar.addfile(_link("usr/bin/python", "python3"))
        return self._layer("python")

    def _files_of(self, packages: tuple[str, ...]) -> list[str]:
        lists = self.tree / "var/lib/dpkg/info"
        names = set()
        for package in packages:
            [listed] = [*lists.glob(f"{package}.list"), *lists.glob(f"{package}:amd64.list")]
            names |= {_merged(line.strip("/")) for line in listed.read_text().splitlines()}
        return sorted(
            name
            for name in names
            if name not in {"", ".", *_FOLDERS, *_MERGED}
            and not name.startswith(_LEFT_OUT)
            and os.path.lexists(self.tree / name)
        )

    def _packages(self) -> Layer:
        target = self.folder / "packages"
        install = [
            *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"),
            *("--python", sys.executable, "--target", str(target)),
            *("--no-deps", "--only-binary", ":all:"),
        ]
        proxy = ["--require-hashes", "--requirement", str(ROOT / "proxy/requirements.txt")]
        subprocess.run([*install, *proxy], check=True)
        # the stub engine's server, in the versions of this environment
        engine = _pinned("aiohttp", "aiosignal", "aiohappyeyeballs", "attrs", "frozenlist",
                         "multidict", "propcache", "yarl", "idna")  # fmt: skip
        subprocess.run([*install, *engine], check=True)
        return self._files("packages", {_PACKAGES: target})

    def _files(self, name: str, sources: dict[str, Path]) -> Layer:
        """Return a layer of files and folders: their place in the image -> what they are here."""
        with self._tar(name) as tar:
            for place, source in sources.items():
                tar.add(source, place, filter=_rooted)
        return self._layer(name)

    def _tar(self, name: str) -> tarfile.TarFile:
        return tarfile.open(self.folder / f"{name}.tar", "w")

    def _layer(self, name: str) -> Layer:
        path = self.folder / f"{name}.tar"
        with path.open("rb") as file:
            return Layer(path, "sha256:" + hashlib.file_digest(file, "sha256").hexdigest())

    def _push(self, uri: str, layers: list[Layer], entry: list[str]) -> None:
        name, _, tag = uri.removeprefix(f"{REGISTRY}/").partition(":")
        config = json.dumps(_config(layers, entry)).encode()
        with httpx.Client(
            base_url=f"https://{network.ECR}/v2/{name}/",
            verify=ssl.create_default_context(cafile=str(self.certificates.authority)),
            auth=("AWS", REGISTRY_PASSWORD),
            trust_env=False,
            timeout=60,
        ) as registry:
            for layer in layers:
                _upload(registry, layer.digest, layer.path.read_bytes())
            _upload(registry, _digest(config), config)
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _blob(_CONFIG, len(config), _digest(config)),
                "layers": [_blob(_LAYER, each.path.stat().st_size, each.digest) for each in layers],
            }
            headers = {"Content-Type": _MANIFEST}
            registry.put(
                f"manifests/{tag}", content=json.dumps(manifest), headers=headers
            ).raise_for_status()


def _upload(registry: httpx.Client, digest: str, content: bytes) -> None:
    if registry.head(f"blobs/{digest}").is_success:
        return
    started = registry.post("blobs/uploads/").raise_for_status()
    place = httpx.URL(started.headers["Location"]).copy_merge_params({"digest": digest})
    headers = {"Content-Type": "application/octet-stream"}
    registry.put(place, content=content, headers=headers).raise_for_status()


def _config(layers: list[Layer], entry: list[str]) -> dict[str, Any]:
    environment = {"PATH": "/usr/bin", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Entrypoint": entry,
            "WorkingDir": "/app",
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }


def _blob(kind: str, size: int, digest: str) -> dict[str, Any]:
    return {"mediaType": kind, "size": size, "digest": digest}


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _merged(name: str) -> str:
    return f"usr/{name}" if name.partition("/")[0] in _MERGED else name


def _rooted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return it as root's and readable for everybody; byte code of this computer stays here."""
    if "__pycache__" in entry.name:
        return None
    entry.uid = entry.gid = 0
    entry.mode |= 0o444 | (0o111 if entry.isdir() else 0)
    return entry


def _folder(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    return entry


def _link(name: str, target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def _pinned(*names: str) -> list[str]:
    return [f"{name}=={version(name)}" for name in names]
