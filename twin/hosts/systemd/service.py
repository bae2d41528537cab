"""A service of a host as systemd runs it: Restart=always, a limit of starts, states, a journal."""

from __future__ import annotations

import asyncio
import json
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from twin.forking.client import ForkServer
from twin.hosts.systemd import unit as units
from twin.hosts.systemd.unit import Process, Unit

_RESTART_SECONDS = 1.0
_JOURNAL_LINES = 400


@dataclass(frozen=True, slots=True)
class Kind:
    """name: the unit's on a real host; burst: starts within so many seconds, then it has failed."""

    name: str
    burst: int | None = None
    within: float = 0.0


AGENT = Kind("lamplighter-agent.service")
ENGINE = Kind("vllm@0.service", 5, 1800)
GATEWAY = Kind("inference-app.service", 10, 300)


class Service:
    """unit: asked for at each start; folder: of the logs; changed: called in each new state."""

    def __init__(
        self,
        kind: Kind,
        unit: Callable[[], Unit],
        folder: Path,
        server: ForkServer | None,
        changed: Callable[[], None],
    ) -> None:
        self.kind, self._unit, self._folder = kind, unit, folder
        self._server, self._changed = server, changed
        self._state, self._run, self._restarts = "dead", "", 0
        self._starts: list[float] = []
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin anew, as `systemctl start` of a stopped unit."""
        self._restarts = 0
        self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End it and its children; it stays down."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._enter("dead")

    async def restart(self) -> None:
        await self.stop()
        self.start()

    def reset_failed(self) -> None:
        """Forget the starts so far, as `systemctl reset-failed`."""
        self._starts, self._restarts = [], 0

    def signal(self, number: signal.Signals) -> None:
        """Send it to every process of the service; to a service that is down it does nothing."""
        if self._process:
            units.send_signal(self._process, number)

    @property
    def pid(self) -> int | None:
        """Return the id of its process group."""
        return self._process.pid if self._process else None

    def shown(self) -> str:
        """Return the block of `systemctl show`."""
        return (
            f"Id={self.kind.name}\nSubState={self._state}\nInvocationID={self._run}\n"
            f"NRestarts={self._restarts}\n"
        )

    async def _supervise(self) -> None:
        while self._may_start():
            await self._once()
            self._enter("auto-restart")
            await asyncio.sleep(_RESTART_SECONDS)
            self._restarts += 1
        self._enter("failed")

    async def _once(self) -> None:
        """Run it once, until it ends by itself or this is cancelled."""
        unit = self._unit()
        with (self._folder / f"{unit.name}.log").open("ab") as log:
            begin = log.tell()
            self._run = uuid.uuid4().hex
            self._process = process = await units.start(unit, log, self._server)
            self._enter("running")
            try:
                status = await process.wait()
            finally:
                await units.end(process)
                self._process = None
            self._write_journal(log, begin)
            log.write(f"-- {unit.name} ended with status {status}, starts again\n".encode())

    def _may_start(self) -> bool:
        now = time.monotonic()
        self._starts = [*(at for at in self._starts if at > now - self.kind.within), now]
        return self.kind.burst is None or len(self._starts) <= self.kind.burst

    def _enter(self, state: str) -> None:
        self._state = state
        self._changed()

    def _write_journal(self, log: IO[bytes], begin: int) -> None:
        """Keep what the run that ended has logged, an object a line, as journalctl prints it."""
        log.flush()
        with Path(log.name).open("rb") as written:
            written.seek(begin)
            lines = written.read().decode(errors="replace").splitlines()[-_JOURNAL_LINES:]
        said = ({"_SYSTEMD_INVOCATION_ID": self._run, "MESSAGE": line} for line in lines)
        with suppress(FileNotFoundError):  # the host was switched off meanwhile
            journal = self._folder / "systemd" / f"{self.kind.name}.journal"
            journal.write_text("".join(json.dumps(each) + "\n" for each in said), encoding="utf-8")
