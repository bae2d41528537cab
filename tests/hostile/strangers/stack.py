"""nginx as it is on a host, the gateway behind it, and what both hold in memory and on disk."""

from __future__ import annotations

import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clients.lab import Lab, borrowed
from host_scripts.front import Front

if TYPE_CHECKING:
    from collections.abc import Iterator

ANNOUNCED = 45 * 1024 * 1024
CHAT = "/v1/chat/completions"
_KIB = 1024
_LISTENING = "0A"


@dataclass(frozen=True)
class Stack:
    front: Front
    lab: Lab
    pid: int

    def disk(self) -> int:
        """Return the bytes that nginx holds on disk, deleted files that are still open included."""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        files = [one for kind in kinds for one in (self.front.folder / kind).rglob("*")]
        return sum(one.stat().st_size for one in files if one.is_file()) + self._deleted()

    def memory(self) -> int:
        """Return the bytes of memory of nginx and the gateway, shared pages divided fairly."""
        return sum(map(_proportional, [*self._processes(), str(self.lab.pid)]))

    def connections(self) -> int:
        """Return how many of its clients' sockets nginx holds, half-closed ones included."""
        port = f":{self.front.https:04X}"
        table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(
            local.endswith(port) and state != _LISTENING and inode != "0"
            for _, local, _, state, _, _, _, _, _, inode, *_ in table
        )

    def _deleted(self) -> int:
        size = 0
        for pid in self._processes():
            for link in Path("/proc", pid, "fd").iterdir():
                with suppress(FileNotFoundError):
                    name = str(link.readlink())
                    if name.startswith("/") and name.endswith(" (deleted)"):
                        size += link.stat().st_size
        return size

    def _processes(self) -> list[str]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [str(self.pid), *children]


@contextmanager
def stacked(folder: Path, **environment: str) -> Iterator[Stack]:
    """Run both; the gateway gets this environment."""
    folder.chmod(0o755)
    front = Front(
        folder, endpoint_host="", email="", default_timeout_seconds=5, max_timeout_seconds=20
    )
    with borrowed(PORT=str(front.up), **environment) as lab:
        process = front.start()
        yield Stack(front, lab, process.pid)
        process.terminate()
        process.wait(10)


def context(protocol: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it loads no authorities, which takes its time
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_alpn_protocols([protocol])
    return made


def head(*lines: str, path: str = CHAT, method: str = "POST", length: int = ANNOUNCED) -> bytes:
    first = [f"{method} {path} HTTP/1.1", "Host: gateway", "Content-Type: application/json"]
    return "\r\n".join([*first, f"Content-Length: {length}", *lines, "", ""]).encode()


def _proportional(pid: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * _KIB
    raise AssertionError(pid)
