"""Where a host has its files here, and its programs: the agent, the gateway, the repair."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twin.hosts.systemd.service import ENGINE, GATEWAY
from twin.hosts.systemd.unit import Unit

log = logging.getLogger("lamplighter.hosts")
_KEYS_EVERY = 2.0  # seconds; 30 on a real host
_ORDER_EVERY = 1.0  # seconds; 3 on a real host


@dataclass(frozen=True, slots=True)
class Places:
    """folder: the host's disk. run: what a boot empties."""

    folder: Path

    @property
    def scripts(self) -> Path:
        return self.folder / "opt" / "lamplighter"

    @property
    def deployment(self) -> Path:
        return self.scripts / "deployment.env"

    @property
    def phase(self) -> Path:
        return self.folder / "phase"

    @property
    def gateway(self) -> Path:
        return self.folder / "gateway"

    @property
    def keys(self) -> Path:
        return self.gateway / "keys"

    @property
    def gateway_settings(self) -> Path:
        return self.gateway / "settings.json"

    @property
    def status(self) -> Path:
        return self.gateway / "status"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def machine(self) -> Path:
        return self.run / "machine.json"

    @property
    def clock(self) -> Path:
        return self.run / "clock"

    @property
    def repair(self) -> Path:
        return self.run / "repair"

    @property
    def repairs(self) -> Path:
        return self.run / "repairs"

    @property
    def shims(self) -> Path:
        return self.folder / "bin"

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    def environment(self) -> dict[str, str]:
        """What the host's own programs need: its systemctl, its scripts, its folders."""
        return dict(os.environ) | {
            "PATH": f"{self.shims}:{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(self.scripts),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DEPLOYMENT_ENV": str(self.deployment),
            "REPAIR_FILE": str(self.repair),
            "REPAIRS_FILE": str(self.repairs),
            "RUN": str(self.run),
            "STATE": str(self.folder),
            "LOGS": str(self.folder),
        }


def agent(
    places: Places, instance: str, gateway_port: int, engine_port: int, *, has_engine: bool
) -> Unit:
    """The real agent, with this host's paths in place of a real host's fixed ones."""
    units = [ENGINE.name, GATEWAY.name] if has_engine else [GATEWAY.name]
    environment = places.environment() | {
        "PHASE_FILE": str(places.phase),
        "KEYS_FILE": str(places.keys),
        "KEYS_SECONDS": str(_KEYS_EVERY),
        "SETTINGS_FILE": str(places.gateway_settings),
        "GATEWAY_FOLDER": str(places.gateway),
        "ENGINE_BACKEND": f"http://127.0.0.1:{engine_port}",
        "STATUS_FILE": str(places.status),
        "SERVED_FILE": str(places.run / "served"),
        "MACHINE_FILE": str(places.machine),
        "CLOCK_FILE": str(places.clock),
        "ORDER_SECONDS": str(_ORDER_EVERY),
        "INSTANCE_ID": instance,
        "GATEWAY_URL": f"http://127.0.0.1:{gateway_port}",
        "UNITS": " ".join(units),
    }
    if has_engine:
        environment["ENGINE_URL"] = f"http://127.0.0.1:{engine_port}"
    return Unit.python("agent", "twin.hosts.agent", environment=environment)


def gateway(places: Places, settings: Mapping[str, str], port: int) -> Unit:
    """What 50-services.sh writes into gateway.env. The gateway gets no AWS credentials."""
    environment = {
        name: each for name, each in os.environ.items() if not name.startswith("AWS_")
    } | {
        "INFERENCE_CONFIG": str(places.gateway_settings),
        "INFERENCE_ENGINE": "disabled" if settings["ENGINE"] == "none" else "enabled",
        "INFERENCE_KEYS_FILE": str(places.keys),
        "INFERENCE_ETA_FILE": str(places.status),
        "INFERENCE_USAGE_FILE": str(places.folder / "usage.json"),
        "INFERENCE_DEFAULT_TIMEOUT_SECONDS": settings["DEFAULT_TIMEOUT_SECONDS"],
        "INFERENCE_MAX_TIMEOUT_SECONDS": settings["MAX_TIMEOUT_SECONDS"],
    }
    arguments = ["--host", "127.0.0.1", "--port", str(port)]
    return Unit.python("gateway", "gateway", *arguments, environment=environment)


async def repair(places: Places) -> None:
    """Carry out what the agent requests, as lamplighter-repair.service does on a real host."""
    with (places.folder / "repair.log").open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "host.agent.repairs",
            env=places.environment(), stdin=asyncio.subprocess.DEVNULL,
            stdout=output, stderr=output,
        )  # fmt: skip
        status = await process.wait()
    log.info("repair carried out folder=%s status=%d", places.folder.name, status)
