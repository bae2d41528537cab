"""Many connections of one kind of stranger at once, and what they take while they last."""

from __future__ import annotations

import socket
import ssl
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from clients.keys import NARROW

from hostile.strangers.stack import Stack, context, head

CONNECTIONS = 500
_ADDRESSES = 4  # one may have 256
_AT_ONCE = 16  # a busy machine must not run into the limit for a TLS handshake
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
_WARM_UP = 16
_STRANGER = "Authorization: Bearer sk-alice-unknown"
_TLS = context("http/1.1")
_SMALL = b'{"model":"tiny","messages":[{"role":"user","content":"Hi"}]}'


@dataclass(frozen=True)
class Kind:
    """`sends` at first, then byte after byte if it `drips`; `status`: its answer, 0 for none."""

    name: str
    sends: bytes
    drips: bool = False
    status: int = 0


KINDS = (
    Kind("connects and says nothing", b""),
    Kind("stops in the middle of its head", head(_STRANGER)[:-2]),
    Kind("has no key", head(length=len(_SMALL)) + _SMALL, status=401),
    Kind("sends 45 MiB slowly without a key", head(_STRANGER) + b" " * 150_000, True, 401),
    Kind("has a key for another model", head(f"Authorization: Bearer {NARROW}", length=len(_SMALL))
         + _SMALL, status=403),
)  # fmt: skip


@dataclass
class Cost:
    """`memory`: bytes, while most `connections` were open; `disk`: the most bytes.

    `logged`: bytes of log lines; `engine`: requests that reached the engine.
    """

    kind: Kind
    connections: int = 0
    memory: int = 0
    disk: int = 0
    logged: int = 0
    engine: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def each(self) -> int:
        """Bytes of memory for one connection."""
        return self.memory // max(self.connections, 1)


def measure(stack: Stack, kind: Kind, count: int = CONNECTIONS) -> Cost:
    _crowd(stack, kind, _WARM_UP, Cost(kind))  # so that only what a connection takes is seen
    cost, engine, logged = Cost(kind), stack.lab.judged()["count"], _logged(stack)
    _crowd(stack, kind, count, cost)
    cost.engine = stack.lab.judged()["count"] - engine
    cost.logged = _logged(stack) - logged
    return cost


def _crowd(stack: Stack, kind: Kind, count: int, cost: Cost) -> None:
    """Open the connections, watch until all are open or answered, and leave."""
    before = stack.memory()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        visits = [pool.submit(_visit, stack.front.https, kind, number) for number in range(count)]
        while not all(visit.done() for visit in visits):
            _look(stack, before, cost)
            _drip(kind, visits)
            time.sleep(_LOOK_SECONDS)
    _look(stack, before, cost)
    for visit in visits:
        wire, status = visit.result()
        cost.statuses[status] += 1
        wire.close()


def _visit(port: int, kind: Kind, number: int) -> tuple[ssl.SSLSocket, int]:
    """Return an open connection, and the status that it was answered with."""
    source = f"127.0.0.{number % _ADDRESSES + 2}", 0
    plain = socket.create_connection(("127.0.0.1", port), _PATIENCE_SECONDS, source)
    wire = _TLS.wrap_socket(plain)
    with suppress(ConnectionError):  # refused in the middle of it: the answer is there
        wire.sendall(kind.sends)
    if not kind.status:
        return wire, 0
    return wire, int(wire.recv(4096).split()[1])


Visit = Future[tuple[ssl.SSLSocket, int]]


def _drip(kind: Kind, visits: list[Visit]) -> None:
    for visit in visits if kind.drips else ():
        if visit.done():
            with suppress(OSError):  # the server has hung up
                visit.result()[0].send(b" ")


def _look(stack: Stack, before: int, cost: Cost) -> None:
    cost.disk = max(cost.disk, stack.disk())
    memory, connections = stack.memory() - before, stack.connections()
    if connections >= cost.connections:
        cost.connections, cost.memory = connections, memory


def _logged(stack: Stack) -> int:
    files = [*stack.front.folder.glob("*.log"), Path(stack.lab.log)]
    return sum(file.stat().st_size for file in files)
