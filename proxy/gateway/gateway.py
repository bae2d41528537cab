"""The composition root: every part of the gateway, made once, and the loops that keep them true."""

import asyncio
import contextlib
import gc
import ipaddress
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.access.filters import Filters
from gateway.access.jwt import Jwt
from gateway.access.keys import Keys
from gateway.access.limits import Limiter
from gateway.backends.admission_queue import Admission
from gateway.backends.backend import Backend
from gateway.backends.connection import Pool
from gateway.backends.probes import Probes
from gateway.backends.routing import Routing
from gateway.backends.startup_estimate import Eta
from gateway.core.log import logger
from gateway.relay.deadlines import LOOK_SECONDS
from gateway.relay.delivery import Delivery
from gateway.relay.timeouts import Paces
from gateway.request.body_memory import Held
from gateway.request.read_scheduler import Reading
from gateway.settings.gateway_settings import Settings
from gateway.settings.reload import Reload
from gateway.telemetry.recorder import Telling
from gateway.telemetry.usage import Usage

_TICK_SECONDS = 1.0
_SAVE_TICKS = 10
_FIRST_LOOK_SECONDS = 2.0
_GARBAGE_AFTER = 20_000  # objects
_ADDRESS = re.compile(rb"[0-9A-Fa-f.:]{2,45}")
_KNOWN_PEERS = 4096


class Gateway:
    """`in_flight` counts inference requests from their headers to their last byte."""

    def __init__(
        self,
        settings: Settings,
        config: Path | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`config` and `environment`: where the settings came from, watched for changes.

        Raises InvalidSetting, InvalidKeysFile.
        """
        self.in_flight = 0
        self.draining = False
        self.deliveries: set[Delivery] = set()  # the requests that are with a backend
        self.connections: Iterable[Any] = ()  # the server's, once it has started
        self.usage = Usage(settings.usage_file)
        self.keys = Keys(settings.keys_file, Jwt(settings.jwt) if settings.jwt else None)
        self.limiter = Limiter(self.usage)
        self.held = Held()
        self.reading = Reading()
        self.filters = Filters(settings.filters)
        self.eta = Eta(settings.eta_file)
        self.routing = Routing(settings, [Backend(one) for one in settings.backends], self.eta)
        self.admission = Admission(self.routing)
        self.paces = Paces()
        self.telling = Telling(settings, self.usage)
        self.probes = Probes(self.routing, self.eta)
        self.reload = Reload(config, environment, self.routing, self._settled)
        self._trusted = _Trust(settings.trusted_proxies)
        self._connected: set[Backend] = set()

    @property
    def settings(self) -> Settings:
        """Those in force now: a reload changes them."""
        return self.routing.settings

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep looking at backends, files and clocks."""
        self.loop = asyncio.get_running_loop()
        self._connect()
        _collect_seldom()
        tasks = [
            self.loop.create_task(run)
            for run in (
                self.probes.run(),
                self.keys.run(),
                self.reload.run(),
                self._tick(),
                self._watch(),
            )
        ]
        try:
            with contextlib.suppress(TimeoutError):  # the first request finds the models known
                await asyncio.wait_for(self.probes.looked.wait(), _FIRST_LOOK_SECONDS)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for backend in self.routing.backends:
                backend.pool.close()
            self.usage.save()
            self.telling.close()

    def client_of(self, peer: tuple[str, int] | None, headers: Mapping[bytes, bytes]) -> str:
        """Return the client's address: the last one that a trusted proxy has added, else the peer.

        What stands before it in X-Forwarded-For the client may have written itself.
        """
        address = peer[0] if peer else ""
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is None or not self._trusted.includes(address):
            return address
        last = forwarded.rpartition(b",")[2].strip()
        return last.decode() if _ADDRESS.fullmatch(last) else address

    def is_direct(
        self, peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]
    ) -> bool:
        """Whether the request comes from this machine itself, and through no proxy."""
        address = peer[0] if peer else ""
        forwarded = any(name == b"x-forwarded-for" for name, _ in headers)
        return not forwarded and is_loopback(address)

    def _settled(self, settings: Settings) -> None:
        """Go on with changed settings; `routing` has them already."""
        self.filters = Filters(settings.filters)
        self._trusted = _Trust(settings.trusted_proxies)
        self._connect()

    def _connect(self) -> None:
        """Give connections to backends that are new, take those of backends that are gone."""
        for backend in self._connected.difference(self.routing.backends):
            backend.pool.close()
        self._connected = set(self.routing.backends)
        for backend in self._connected:
            if backend.pool is None:
                backend.pool = Pool(backend)

    async def _watch(self) -> None:
        """End the requests whose budgets have ended."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = self.loop.time()
            for delivery in list(self.deliveries):
                delivery.look(now)

    async def _tick(self) -> None:
        """Once a second: end what takes too long, look at files that may have changed."""
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            ticks += 1
            try:
                self._housekeep(ticks)
            except Exception:  # noqa: BLE001 -- what fails here fails again in a second; requests go on
                logger.exception("the gateway's housekeeping failed")

    def _housekeep(self, ticks: int) -> None:
        now = self.loop.time()
        for connection in list(self.connections):
            connection.sweep(now)
        for backend in self.routing.backends:
            backend.pool.sweep()
        self.admission.expire(now)
        self.keys.follow()
        if ticks % _SAVE_TICKS == 0:
            self.usage.save()


def _collect_seldom() -> None:
    """Requests leave no cycles behind: looking for some after every 700 objects costs 5 %."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER, 20, 50)


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class _Trust:
    """Whose X-Forwarded-For is believed; asked with every request, so the answers are kept."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self._known: dict[str, bool] = {}

    def includes(self, address: str) -> bool:
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _KNOWN_PEERS:
                self._known.clear()
            known = self._known[address] = self._look(address)
        return known

    def _look(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)
