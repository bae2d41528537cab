"""The loop: look at the account, switch hosts on and off, point the addresses, write the map."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from twin.forking.client import ForkServer
from twin.hosts.cloud import Cloud, View
from twin.hosts.engine_unit import Engines
from twin.hosts.forwarder import Forwarder
from twin.hosts.host import Host

log = logging.getLogger("lamplighter.hosts")
_LOOK_SECONDS = 0.1


class Runner:
    """folder: hosts/<instance id>/ and hosts.json go there; origins: the map's file.

    server: forks the hosts' processes; None: each is a new interpreter.
    """

    def __init__(
        self,
        cloud: Cloud,
        engines: Engines,
        folder: Path,
        origins: Path,
        server: ForkServer | None,
    ) -> None:
        self._cloud, self._engines, self._server = cloud, engines, server
        self._folder, self._origins = folder, origins
        self._hosts: dict[str, tuple[Host, asyncio.Task[None]]] = {}
        self._forwarders: dict[str, Forwarder] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._written: dict[Path, str] = {}

    async def run(self) -> None:
        """Until cancelled; then every host is off."""
        self._write(self._origins, {})
        try:
            while True:
                with suppress(BotoCoreError, ClientError):
                    await self._settle(await asyncio.to_thread(self._cloud.view))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            for instance in list(self._hosts):
                self._switch_off(instance)
            await asyncio.gather(*self._ending, return_exceptions=True)

    async def _settle(self, view: View) -> None:
        for instance in view.running - self._hosts.keys():
            self._switch_on(instance)
        for instance in self._hosts.keys() - view.running:
            self._switch_off(instance)
        await self._point(view.addresses)
        self._write(self._origins, self._map(view))
        self._write(self._folder / "hosts.json", self._states())

    def _switch_on(self, instance: str) -> None:
        log.info("host switched on instance=%s", instance)
        host = Host(instance, self._folder / instance, self._cloud, self._engines, self._server)
        task = asyncio.create_task(host.run())
        task.add_done_callback(lambda done: _note(host, done))
        self._hosts[instance] = host, task

    def _switch_off(self, instance: str) -> None:
        """The processes end in the background: another host may come up meanwhile."""
        _, task = self._hosts.pop(instance)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.cancel()
        log.info("host switched off instance=%s", instance)

    async def _point(self, addresses: dict[str, str | None]) -> None:
        for gone in self._forwarders.keys() - addresses.keys():
            await self._forwarders.pop(gone).close()
        for address, instance in addresses.items():
            if address not in self._forwarders:
                self._forwarders[address] = Forwarder()
            host = self._hosts.get(instance or "")
            await self._forwarders[address].lead_to(host[0].gateway_port if host else 0)

    def _map(self, view: View) -> dict[str, str]:
        """Public origin -> where it is here: by address, and by every name of that address."""
        ports = {address: each.port for address, each in self._forwarders.items()}
        named = {name: ports[ip] for name, ips in view.names.items() for ip in ips if ip in ports}
        return {
            f"https://{public}": f"http://127.0.0.1:{port}"
            for public, port in (ports | named).items()
        }

    def _states(self) -> dict[str, str]:
        return {instance: host.state for instance, (host, _) in self._hosts.items()}

    def _write(self, path: Path, document: dict[str, str]) -> None:
        """Replace the file whole, and only when it changes: others read it at any moment."""
        text = json.dumps(document, indent=1, sort_keys=True) + "\n"
        if self._written.get(path) == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
        self._written[path] = text


def _note(host: Host, done: asyncio.Task[None]) -> None:
    """Log a boot that failed; the host stays off until the instance is switched again."""
    if not done.cancelled() and (error := done.exception()):
        host.state = f"failed: {error}"
        log.error("host failed instance=%s", host.instance, exc_info=error)
