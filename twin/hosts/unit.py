"""One service of a host: started, restarted when it ends (systemd's Restart=always), and killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lamplighter import tied

_RESTART_SECONDS = 1.0
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Unit:
    """environment: all of it, not an addition to ours."""

    name: str
    command: list[str]
    environment: dict[str, str]


async def keep_running(unit: Unit, logs: Path) -> None:
    """Run it for ever, its output in `logs`/<name>.log; when cancelled, end it and its children."""
    with (logs / f"{unit.name}.log").open("ab") as log:
        while True:
            process = await _start(unit, log.fileno())
            try:
                status = await process.wait()
            finally:
                await _end(process)
            log.write(f"-- {unit.name} ended with status {status}, starts again\n".encode())
            log.flush()
            await asyncio.sleep(_RESTART_SECONDS)


async def _start(unit: Unit, log: int) -> asyncio.subprocess.Process:
    """A process group of its own: killing the group leaves no orphan."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", tied.__file__, *unit.command,
        stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        env=unit.environment, start_new_session=True,
    )  # fmt: skip


async def _end(process: asyncio.subprocess.Process) -> None:
    """TERM, a few seconds, KILL: to the whole group, also when its leader is already gone."""
    if process.returncode is None:
        _signal(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.wait()), _GRACE_SECONDS)
    _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)
