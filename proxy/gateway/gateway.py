"""The composition root: makes each part of the gateway once, and runs its background tasks."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.access.client_address import ClientAddresses
from gateway.access.filters import Filters
from gateway.access.jwt import Jwt
from gateway.access.keys import Keys
from gateway.access.limits import Limiter
from gateway.backends.admission_queue import AdmissionQueue
from gateway.backends.backend import Backend
from gateway.backends.connection import Pool
from gateway.backends.host_status import HostStatus
from gateway.backends.probes import Probes
from gateway.backends.routing import Routing
from gateway.core.log import logger
from gateway.core.process_state import ProcessState
from gateway.http.app import Pages
from gateway.http.server import Server
from gateway.pages.sources import Sources
from gateway.relay.deadlines import CHECK_SECONDS
from gateway.relay.services import Services
from gateway.relay.timeouts import ModelSpeeds
from gateway.request.cost.body_memory import BodyMemory
from gateway.request.read_scheduler import ReadScheduler
from gateway.settings.gateway_settings import Settings
from gateway.settings.reload import Reload
from gateway.telemetry.recorder import Recorder
from gateway.telemetry.usage import Usage

_TICK_SECONDS = 1.0
_SAVE_TICKS = 10
_FIRST_PROBE_SECONDS = 2.0
_GARBAGE_AFTER = 20_000  # objects


class Gateway:
    """No part of the gateway gets this object: each is given the parts that it uses."""

    def __init__(
        self,
        settings: Settings,
        config: Path | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`config` and `environment`: where the settings came from, watched for changes.

        Raises InvalidSetting, InvalidKeysFile.
        """
        self.state = ProcessState()
        self.usage = Usage(settings.usage_file)
        self.keys = Keys(settings.keys_file, Jwt(settings.jwt) if settings.jwt else None)
        self.filters = Filters(settings.filters)
        self.addresses = ClientAddresses(settings.trusted_proxies)
        self.host = HostStatus(settings.eta_file)
        self.routing = Routing(settings, [Backend(one) for one in settings.backends], self.host)
        self.admission = AdmissionQueue(self.routing)
        self.recorder = Recorder(settings, self.usage)
        self.probes = Probes(self.routing, self.host)
        self.reload = Reload(
            config,
            environment,
            lambda: self.routing.settings,
            lambda changed: self.routing.reconfigure(changed, self._prepare),
        )
        self.services = Services(
            state=self.state,
            host=self.host,
            filters=self.filters,
            keys=self.keys,
            limiter=Limiter(self.usage, default=settings.key_limits.limits),
            body_memory=BodyMemory(),
            read_scheduler=ReadScheduler(),
            routing=self.routing,
            admission=self.admission,
            speeds=ModelSpeeds(),
            recorder=self.recorder,
            look_again=self._look_again,
        )
        self.app = Pages(self._sources(), self.filters, self.addresses, self.recorder, self.running)
        self._connected: set[Backend] = set()
        self._looks: set[asyncio.Task[None]] = set()

    def server(self, host: str, port: int) -> Server:
        return Server(self.app, self.services, self.addresses, host=host, port=port)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Probe the backends, follow the files and end what takes too long, meanwhile."""
        self._connect()
        _collect_seldom()
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(run)
            for run in (
                self.probes.run(),
                self.keys.run(),
                self.reload.run(),
                self._tick(),
                self._end_overdue(),
            )
        ]
        try:
            with contextlib.suppress(TimeoutError):  # the first request finds the models known
                await asyncio.wait_for(self.probes.all_probed.wait(), _FIRST_PROBE_SECONDS)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for backend in self.routing.backends:
                backend.pool.close()
            self.usage.save()
            self.recorder.close()

    def _sources(self) -> Sources:
        return Sources(
            state=self.state,
            keys=self.keys,
            routing=self.routing,
            admission=self.admission,
            host=self.host,
            usage=self.usage,
            metrics=self.recorder.metrics,
            reload=self.reload,
        )

    def _look_again(self, then: Callable[[], None]) -> None:
        task = asyncio.get_running_loop().create_task(self.probes.look_again())
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)
        task.add_done_callback(lambda _: then())

    def _prepare(self) -> None:
        """Follow changed settings, which the routing has already."""
        settings = self.routing.settings
        self.filters.adopt(settings.filters)
        self.addresses.trust(settings.trusted_proxies)
        self.keys.accept(settings.jwt)
        self.services.limiter.adopt(settings.key_limits.limits)
        self._connect()

    def _connect(self) -> None:
        """Give connections to backends that are new, take those of backends that are gone."""
        for backend in self._connected.difference(self.routing.backends):
            backend.pool.close()
        self._connected = set(self.routing.backends)
        for backend in self._connected:
            if backend.pool is None:
                backend.pool = Pool(backend)

    async def _end_overdue(self) -> None:
        """End the requests whose budgets have ended."""
        loop, deliveries = asyncio.get_running_loop(), self.services.deliveries
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now = loop.time()
            for delivery in list(deliveries):
                delivery.check_deadlines(now)

    async def _tick(self) -> None:
        """Once a second: end what takes too long, check files that may have changed."""
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            ticks += 1
            try:
                self._housekeep(ticks)
            except Exception:  # noqa: BLE001 -- what fails here fails again in a second; requests go on
                logger.exception("the gateway's housekeeping failed")

    def _housekeep(self, ticks: int) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.state.connections):
            connection.sweep(now)
        for backend in self.routing.backends:
            backend.pool.sweep()
        self.admission.expire(now)
        self.keys.follow()
        if ticks % _SAVE_TICKS == 0:
            self.usage.save()


def _collect_seldom() -> None:
    """Requests leave no cycles behind: a search after every 700 objects costs 5 %."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER, 20, 50)
