"""Two network namespaces and a cable: the cloud on one end, the machine on the other.

The metadata address exists in the cloud's namespace only: no other process of this computer can
meet it. Nothing here is routed to the outside.
"""

from __future__ import annotations

import ctypes
import shutil
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

CLOUD, MACHINE = "lamplighter-cloud", "lamplighter-machine"

AWS, ECR, ACME = "10.77.0.1", "10.77.0.2", "10.77.0.3"
INSTANCE = "10.77.0.10"
METADATA = "169.254.169.254"
MAC = "02:00:0a:4d:00:0a"

_CLONE_NEWNET = 0x40000000
_RESOLVER = Path("/etc/netns") / CLOUD


def make() -> None:
    remove()
    _RESOLVER.mkdir(parents=True)
    (_RESOLVER / "resolv.conf").write_text(f"nameserver {AWS}\n")
    for name in (CLOUD, MACHINE):
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
    peer = ("peer", "name", "ens5", "netns", MACHINE, "address", MAC)
    _ip("-n", CLOUD, "link", "add", "cable", "type", "veth", *peer)
    for address in (f"{AWS}/24", f"{ECR}/24", f"{ACME}/24", f"{METADATA}/32"):
        _ip("-n", CLOUD, "address", "add", address, "dev", "cable")
    _ip("-n", MACHINE, "address", "add", f"{INSTANCE}/24", "dev", "ens5")
    _ip("-n", CLOUD, "link", "set", "cable", "up")
    _ip("-n", MACHINE, "link", "set", "ens5", "up")
    _ip("-n", MACHINE, "route", "add", "default", "via", AWS)
    # docker would do it by itself; inside the machine these settings can only be read
    forward = inside(MACHINE, "sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1")
    subprocess.run(forward, check=True)


def remove() -> None:
    """Also what a run that was killed has left."""
    for name in leftovers():
        _ip("netns", "delete", name)
    shutil.rmtree(_RESOLVER, ignore_errors=True)
    if _RESOLVER.parent.exists() and not any(_RESOLVER.parent.iterdir()):
        _RESOLVER.parent.rmdir()


def leftovers() -> list[str]:
    return [name for name in (CLOUD, MACHINE) if (Path("/run/netns") / name).exists()]


def inside(name: str, *command: str) -> list[str]:
    """Return the command that runs in that namespace; it replaces itself, keeping its pid."""
    return ["ip", "netns", "exec", name, *command]


def within(name: str, work: Callable[[], Result]) -> Result:
    """Do work in a thread of this process that sees that namespace's network."""

    def moved() -> Result:
        with (Path("/run/netns") / name).open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter the namespace {name}")
        return work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(moved).result()


def answers(address: str, port: int) -> bool:
    """Return whether somebody listens there, seen from the cloud."""

    def look() -> bool:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            return False
        return True

    return within(CLOUD, look)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
