"""The Debian packages that the lab itself needs; the machine's own are in tree.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

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


def missing() -> list[str]:
    """Return the packages whose commands are not here."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [package for command, package in _NEEDED.items() if not shutil.which(command, path=path)]


def install(packages: list[str]) -> None:
    """Install them; the lists may be too old for what the mirrors have, so bring them first."""
    print(f"\ninstalling {' '.join(packages)}", file=sys.stderr, flush=True)  # noqa: T201
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet", "--quiet"], check=True, env=quiet)
    subprocess.run([*_INSTALL, *packages], check=True, env=quiet, stdout=subprocess.DEVNULL)
