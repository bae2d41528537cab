"""One machine: from its user_data to an engine, a gateway and an agent that run until power-off."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from twin.forking.client import ForkServer
from twin.hosts import bootstrap
from twin.hosts.cloud import Cloud
from twin.hosts.engine_unit import Engines
from twin.hosts.unit import Unit, keep_running

log = logging.getLogger("lamplighter.hosts")
_KEYS_EVERY = 2.0  # seconds; 30 on a real host
_ORDER_EVERY = 1.0  # seconds; 3 on a real host
_FIRST_KEYS = 30.0  # seconds until they must be there


@dataclass
class Host:
    """A machine that is on. gateway_port: 0 until it is known; folder: its disk and its logs.

    server: of its processes; None: each is a new interpreter.
    """

    instance: str
    folder: Path
    cloud: Cloud
    engines: Engines
    server: ForkServer | None
    gateway_port: int = 0
    state: str = "booting"
    _units: list[asyncio.Task[None]] = field(default_factory=list)

    async def run(self) -> None:
        """Boot, then run the units until cancelled (power-off)."""
        (self.folder / "gateway").mkdir(parents=True, exist_ok=True)
        try:
            await self._boot()
            await asyncio.gather(*self._units)
        finally:
            for unit in self._units:
                unit.cancel()
            await asyncio.gather(*self._units, return_exceptions=True)

    async def _boot(self) -> None:
        scripts = self.folder / "opt" / "lamplighter"
        cause = await asyncio.to_thread(self._fetch, scripts)
        if cause:
            self.state = f"failed: {cause}"
            log.error("bootstrap failed instance=%s why=%s", self.instance, cause)
            return
        settings = bootstrap.settings(scripts / "deployment.env")
        engine_port, self.gateway_port = _free_ports(2)
        self._tell("booting", 0)
        self._start(self._agent(scripts, engine_port, settings))
        if settings["ENGINE"] != "none":  # loads while the keys arrive
            arguments = settings["ENGINE_ARGUMENTS"].split()
            self._start(self.engines.unit(settings["MODEL"], engine_port, arguments))
        if not await self._has_keys():
            cause = f"there is no {self._keys_file} after {_FIRST_KEYS:g} s: see agent.log"
            self.state = f"failed: {cause}"
            self._tell("failed", 0, f"40-secrets.sh failed: {cause}")
            return
        self._tell("loading", 0)
        self._start(self._gateway(settings, engine_port))
        self._tell("done", 100)
        self.state = "on"
        log.info("host is on instance=%s gateway_port=%d", self.instance, self.gateway_port)

    def _fetch(self, scripts: Path) -> str | None:
        """Return None, or why the scripts are not there, which the deployment's bus knows then."""
        scripts.parent.mkdir(parents=True, exist_ok=True)
        known = bootstrap.UserData.parse(self.cloud.user_data(self.instance))
        try:
            bootstrap.fetch(known, scripts, self.cloud.download)
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

    def _start(self, unit: Unit) -> None:
        self._units.append(asyncio.create_task(keep_running(unit, self.folder, self.server)))

    def _tell(self, phase: str, percent: int, cause: str | None = None) -> None:
        """The set-up's spool, which the agent reads: replaced whole."""
        line: dict[str, Any] = {"phase": phase, "percent": percent, "cause": cause}
        _replace(self._phase_file, json.dumps(line) + "\n", mode=0o644)

    @property
    def _phase_file(self) -> Path:
        return self.folder / "phase"

    @property
    def _keys_file(self) -> Path:
        return self.folder / "gateway" / "keys"

    @property
    def _status_file(self) -> Path:
        return self.folder / "gateway" / "status"

    async def _has_keys(self) -> bool:
        """The agent brings them: on a real host 40-secrets.sh does the first time, by its code."""
        for _ in range(round(_FIRST_KEYS / 0.1)):
            if self._keys_file.exists():
                return True
            await asyncio.sleep(0.1)
        return False

    def _agent(self, scripts: Path, engine_port: int, settings: dict[str, str]) -> Unit:
        """The real agent, with this host's paths in place of a real host's fixed ones."""
        environment = dict(os.environ) | {
            "DEPLOYMENT_ENV": str(scripts / "deployment.env"),
            "PHASE_FILE": str(self._phase_file),
            "KEYS_FILE": str(self._keys_file),
            "KEYS_SECONDS": str(_KEYS_EVERY),
            "STATUS_FILE": str(self._status_file),
            "ORDER_SECONDS": str(_ORDER_EVERY),
            "INSTANCE_ID": self.instance,
            "GATEWAY_URL": f"http://127.0.0.1:{self.gateway_port}",
            "UNITS": "",
            "PYTHONPATH": str(scripts),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if settings["ENGINE"] != "none":
            environment["ENGINE_URL"] = f"http://127.0.0.1:{engine_port}"
        return Unit.python("agent", "host.agent", environment=environment)

    def _gateway(self, settings: dict[str, str], engine_port: int) -> Unit:
        """What 50-services.sh writes into gateway.env. The gateway gets no AWS credentials."""
        environment = {
            name: each for name, each in os.environ.items() if not name.startswith("AWS_")
        } | {
            "INFERENCE_BACKENDS": f"http://127.0.0.1:{engine_port}",
            "INFERENCE_ENGINE": "disabled" if settings["ENGINE"] == "none" else "enabled",
            "INFERENCE_KEYS_FILE": str(self._keys_file),
            "INFERENCE_ETA_FILE": str(self._status_file),
            "INFERENCE_USAGE_FILE": str(self.folder / "usage.json"),
            "INFERENCE_DEFAULT_TIMEOUT_SECONDS": settings["DEFAULT_TIMEOUT_SECONDS"],
            "INFERENCE_MAX_TIMEOUT_SECONDS": settings["MAX_TIMEOUT_SECONDS"],
        }
        port = ["--host", "127.0.0.1", "--port", str(self.gateway_port)]
        return Unit.python("gateway", "gateway", *port, environment=environment)


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
