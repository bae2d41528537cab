"""One machine: from its user_data to an engine, a gateway and an agent that run until power-off."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from twin.forking.client import ForkServer
from twin.hosts import bootstrap, mailbox, programs
from twin.hosts.cloud import Cloud
from twin.hosts.commands import Commands
from twin.hosts.engine_unit import BadModels, Engines, failing
from twin.hosts.machine import CLOCK_JUMP, Machine
from twin.hosts.programs import Places
from twin.hosts.systemd import shims
from twin.hosts.systemd.service import AGENT, ENGINE, GATEWAY, Kind, Service
from twin.hosts.systemd.unit import Unit

log = logging.getLogger("lamplighter.hosts")
_FIRST_KEYS = 30.0  # seconds until they must be there
_FACTS_EVERY = 5.0  # seconds; 30 on a real host
_REQUESTS_EVERY = 0.2  # seconds between two looks for a requested repair


@dataclass
class Host:
    """A machine that is on. gateway_port: 0 until it is known; folder: its disk and its logs.

    server: of its processes; None: each is a new interpreter. services: agent, engine, gateway,
    once they were started; settings: of deployment.env, once it is there.
    """

    instance: str
    folder: Path
    cloud: Cloud
    engines: Engines
    server: ForkServer | None
    gateway_port: int = 0
    state: str = "booting"
    services: dict[str, Service] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    _rebooted: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.places = Places(self.folder)
        self.machine = Machine(self.folder)
        self.bad_models = BadModels(self.folder.parent / "bad-models.json")

    async def run(self) -> None:
        """Boot, then run the services until cancelled (power-off)."""
        self.machine.boot("start")
        while True:
            self._rebooted.clear()
            life = asyncio.create_task(self._live())
            reboot = asyncio.create_task(self._rebooted.wait())
            try:
                await asyncio.wait({life, reboot}, return_when=asyncio.FIRST_COMPLETED)
                if life.done():
                    life.result()
            finally:
                life.cancel()
                reboot.cancel()
                await asyncio.gather(life, reboot, return_exceptions=True)
            log.info("host reboots instance=%s", self.instance)
            self.machine.boot("reboot")

    def reboot(self) -> None:
        """End everything that runs, and boot again."""
        self._rebooted.set()

    def write_facts(self) -> None:
        """What lamplighter-machine.service gathers on a real host, by this host's clock."""
        if not self.settings or not self.places.run.exists():
            return
        jump = CLOCK_JUMP if self.machine.has("clock-jump") else 0.0
        _replace(self.places.clock, str(jump), mode=0o644)
        has_gpus = self.settings["ENGINE"] == "gpu"
        wanted = int(self.settings.get("GPUS") or 1) if has_gpus else None
        facts = self.machine.facts(wanted, time.time() + jump)
        _replace(self.places.machine, json.dumps(facts) + "\n", mode=0o644)

    async def _live(self) -> None:
        """One life: from switching on to the next reboot or power-off."""
        mail = asyncio.create_task(mailbox.serve(self.places.mail, Commands(self).obey))
        try:
            if self.machine.is_unreachable:
                self.state = "unreachable"
            else:
                self._prepare()
                await self._boot()
            await mail
        finally:
            mail.cancel()
            await asyncio.gather(
                mail, *(each.stop() for each in self.services.values()), return_exceptions=True
            )
            self.services.clear()
            self.gateway_port = 0

    def _prepare(self) -> None:
        """What a boot begins with: an empty /run, and no service that runs."""
        self.state = "booting"
        shutil.rmtree(self.places.run, ignore_errors=True)
        for each in (self.places.run, self.places.gateway):
            each.mkdir(parents=True, exist_ok=True)
        shims.write(self.folder)

    async def _boot(self) -> None:
        cause = await asyncio.to_thread(self._fetch)
        if cause:
            self.state = f"failed: {cause}"
            log.error("bootstrap failed instance=%s why=%s", self.instance, cause)
            return
        self.settings = bootstrap.settings(self.places.deployment)
        self._tell("booting", 0)
        self.write_facts()
        start_gateway = self._start_services()
        if not await self._has_files():
            missing = f"no keys or settings in {self.places.gateway}"
            cause = f"{missing} after {_FIRST_KEYS:g} s: see agent.log"
            self.state = f"failed: {cause}"
            self._tell("failed", 0, f"40-secrets.sh failed: {cause}")
            return
        self._tell("loading", 0)
        start_gateway()
        self._tell("done", 100)
        self.state = "on"
        log.info("host is on instance=%s gateway_port=%d", self.instance, self.gateway_port)
        await self._attend()

    def _start_services(self) -> Callable[[], None]:
        """Start the agent, and the engine, which loads while keys and settings arrive; return what
        starts the gateway.
        """
        engine_port, self.gateway_port = _free_ports(2)
        has_engine = self.settings["ENGINE"] != "none"
        agent = programs.agent(
            self.places, self.instance, self.gateway_port, engine_port, has_engine=has_engine
        )
        gateway = programs.gateway(self.places, self.settings, self.gateway_port)
        self._start("agent", AGENT, lambda: agent)
        if has_engine:
            self._start("engine", ENGINE, lambda: self._engine(engine_port))
        return lambda: self._start("gateway", GATEWAY, lambda: gateway)

    async def _attend(self) -> None:
        """Gather facts, and carry out the agent's repairs as lamplighter-repair.path has it."""
        due = 0.0
        while True:
            if time.monotonic() >= due:
                self.write_facts()
                due = time.monotonic() + _FACTS_EVERY
            if self.places.repair.exists():
                await programs.repair(self.places)
            await asyncio.sleep(_REQUESTS_EVERY)

    def _fetch(self) -> str | None:
        """Return None, or why the scripts are not there, which the deployment's bus knows then.

        A disk that has them keeps them: user_data runs at an instance's first boot only.
        """
        if self.places.deployment.exists():
            return None
        self.places.scripts.parent.mkdir(parents=True, exist_ok=True)
        known = bootstrap.UserData.parse(self.cloud.user_data(self.instance))
        try:
            bootstrap.fetch(known, self.places.scripts, self.cloud.download)
        except (bootstrap.Integrity, BotoCoreError, ClientError) as error:
            cause = f"{error} in {known.bucket}: run lamplighter up"
            self._report_failed(known, cause)
            return cause
        return None

    def _report_failed(self, known: bootstrap.UserData, cause: str) -> None:
        """What the agent would report if there were one."""
        detail = {"deployment": known.deployment, "instance_id": self.instance}
        try:
            self.cloud.report(known.bus, detail | {"phase": "failed", "cause": cause})
        except (BotoCoreError, ClientError) as error:
            log.warning("report not sent instance=%s problem=%s", self.instance, error)

    def _start(self, part: str, kind: Kind, unit: Callable[[], Unit]) -> None:
        service = Service(kind, unit, self.folder, self.server, self._show)
        self.services[part] = service
        service.start()

    def _show(self) -> None:
        """For `systemctl show`: the state of each service."""
        blocks = (each.shown() for each in self.services.values() if each.kind is not AGENT)
        _replace(self.folder / "systemd" / "units", "\n".join(blocks), mode=0o644)

    def _engine(self, port: int) -> Unit:
        """The engine of the next start, which may be one that fails."""
        model = self.settings["MODEL"]
        if why := self.machine.engine_dies_of or self.bad_models.why(model):
            return failing(why)
        return self.engines.unit(model, port, self.settings["ENGINE_ARGUMENTS"].split())

    def _tell(self, phase: str, percent: int, cause: str | None = None) -> None:
        """The set-up's spool, which the agent reads: replaced whole."""
        line: dict[str, Any] = {"phase": phase, "percent": percent, "cause": cause}
        _replace(self.places.phase, json.dumps(line) + "\n", mode=0o644)

    async def _has_files(self) -> bool:
        """The agent brings them: on a real host 40-secrets.sh does the first time, by its code."""
        for _ in range(round(_FIRST_KEYS / 0.1)):
            if self.places.keys.exists() and self.places.gateway_settings.exists():
                return True
            await asyncio.sleep(0.1)
        return False


def _replace(path: Path, text: str, *, mode: int) -> None:
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=mode)
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago: held together, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
