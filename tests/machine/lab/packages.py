"""The Debian packages that the lab itself needs; the machine's own are in tree.py."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

# command -> package
_NEEDED = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "dnsmasq": "dnsmasq-base",
    "docker-registry": "docker-registry",
    "htpasswd": "apache2-utils",
    "ip": "iproute2",
    "unshare": "util-linux",
    "buildah": "buildah",
}
_INSTALL = ["apt-get", "install", "--quiet", "--quiet", "--yes", "--no-install-recommends"]


def provide() -> None:
    """Install what is not here. Two workers of a run may ask for it at once: one does it."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if needed := _missing():
            _install(needed)


def _missing() -> list[str]:
    """Return the packages whose commands are not here."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [package for command, package in _NEEDED.items() if not shutil.which(command, path=path)]


def _install(packages: list[str]) -> None:
    """The lists may be too old for what the mirrors have, so bring them first."""
    print(f"\ninstalling {' '.join(packages)}", file=sys.stderr, flush=True)  # noqa: T201
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet", "--quiet"], check=True, env=quiet)
    subprocess.run([*_INSTALL, *packages], check=True, env=quiet, stdout=subprocess.DEVNULL)
