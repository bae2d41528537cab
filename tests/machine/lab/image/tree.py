"""The machine image: a Debian tree that stands in for the Ubuntu one of EC2, made once.

Named by what it is made of, kept in the checkout's ignored folder, never written to again: every
run puts an overlay on top of it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

RELEASE = "bookworm"
# fmt: off
PACKAGES = (
    # a machine
    "systemd-sysv", "dbus", "udev", "iproute2", "iptables", "procps", "kmod", "ca-certificates",
    # what EC2's images bring
    "cloud-init", "curl", "openssl", "docker.io", "unattended-upgrades",
    # what the bootstrap and the steps would install: nothing is downloaded while the lab runs
    "nginx-light", "python3-boto3", "certbot",
)
# fmt: on


def prepare(cache: Path, packages: tuple[str, ...] = PACKAGES) -> Path:
    """Return the tree's folder; the first time it is downloaded and unpacked (a minute or two)."""
    folder = cache / _name(packages)
    if not folder.exists():
        half = folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        cache.mkdir(parents=True, exist_ok=True)
        said = f"\nmaking a Debian tree in {folder}: {len(packages)} packages"
        print(said, file=sys.stderr, flush=True)  # noqa: T201
        subprocess.run(_command(half, packages), check=True)
        half.rename(folder)
    return folder


def _name(packages: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join((RELEASE, *packages)).encode()).hexdigest()[:16]


def _command(folder: Path, packages: tuple[str, ...]) -> list[str]:
    return [
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"),
        '--aptopt=APT::Install-Recommends "false"',
        f"--include={','.join(packages)}",
        *(RELEASE, str(folder)),
    ]
