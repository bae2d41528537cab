"""A program of a host: started in a process group of its own, and ended without orphans."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lamplighter import tied
from twin.forking.client import Forked, ForkServer

# What the fork server imports: all that the agent, the gateway and the stub need, but for the
# agent's own modules, which come from the deployment's scripts.
MODULES = ("gateway.__main__", "twin.engines.stub")
SERVICES = ("ssm", "events", "cloudwatch")

_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Unit:
    """environment: all of it, not an addition to ours."""

    name: str
    command: list[str]
    environment: dict[str, str]

    @classmethod
    def python(cls, name: str, module: str, *arguments: str, environment: dict[str, str]) -> Unit:
        """Return the unit of a module: with this interpreter, or a fork of it."""
        return cls(name, [sys.executable, "-m", module, *arguments], environment)


class _Forked:
    """A unit that the fork server started."""

    def __init__(self, process: Forked) -> None:
        self._process, self.pid = process, process.pid

    async def wait(self) -> str:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._process, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process)
        return "unknown"


Process = asyncio.subprocess.Process | _Forked


async def start(unit: Unit, log: IO[bytes], server: ForkServer | None) -> Process:
    """Start it, its output in `log`. Killing its process group leaves no orphan.

    server: forks the units that are Python modules; None: every unit is a new interpreter.
    """
    if server and unit.command[:2] == [sys.executable, "-m"]:
        return _Forked(await asyncio.to_thread(_fork, server, unit, log))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", tied.__file__, *unit.command,
        stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        env=unit.environment, start_new_session=True,
    )  # fmt: skip


def _fork(server: ForkServer, unit: Unit, log: IO[bytes]) -> Forked:
    _, _, module, *arguments = unit.command
    with Path(os.devnull).open("rb") as nothing:
        return server.fork(
            module,
            arguments,
            cwd=str(Path.cwd()),
            env=unit.environment,
            descriptors=[nothing.fileno(), log.fileno(), log.fileno()],
        )


async def end(process: Process) -> None:
    """TERM, a few seconds, KILL: to the whole group, also when its leader is already gone."""
    send_signal(process, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(process.wait()), _GRACE_SECONDS)
    send_signal(process, signal.SIGKILL)
    await process.wait()


def send_signal(process: Process, number: signal.Signals) -> None:
    """To its whole group; none that is left is fine."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
