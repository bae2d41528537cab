"""Probe every backend regularly: its health, and the models that it serves.

With httpx: its cost does not matter here, and it is no part of a request's path. A backend that is
not well is probed twice a second. What an answer to GET /health proves:

503                   loading
another 5xx           down
anything else         up; 404 is that of a server that has no /health
no connection         down, and requests may still try: it costs nothing
no answer in time     nothing, a busy engine is not dead; the third time in a row it is down if it
                      has nothing to do, or if others serve what it serves

A fallback may be a public API, where a look must cost nothing and say nothing: it is asked seldom,
and for GET /v1/models, of which only the status counts if its models are known. /health would be
wrong there: many have none, and LiteLLM's asks each model something. A 401 is no outage: keys may
be for inference alone.
"""

import asyncio
import logging
import ssl
import time
from dataclasses import dataclass

import httpx

from gateway.backends import model_list, tls_problem
from gateway.backends.backend import Backend
from gateway.backends.host_status import HostStatus
from gateway.backends.routing import Routing
from gateway.core.log import logger

TIMEOUT_SECONDS = 2.0
UNWELL_SECONDS = 0.5
MODELS_SECONDS = 60.0
SILENT_TIMES = 3
LOOK_AGAIN_SECONDS = 1.0
FALLBACK_SECONDS = 30.0
UNWELL_FALLBACK_SECONDS = 5.0

_HEALTH, _MODELS = "/health", "/v1/models"
_TICK_SECONDS = 0.25
_LARGEST_ANSWER = 4 * 1024 * 1024
_OK, _FAILED_FROM, _LOADING = 200, 500, 503
_NOT_ALLOWED = {401, 403}

logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log a line per probe


@dataclass(slots=True)
class _ProbeState:
    """What is remembered of one backend between two probes. Times are monotonic."""

    is_probing: bool = False
    probed_at: float = -1e9
    models_at: float = -1e9
    silent: int = 0
    is_away: bool = False
    is_unreadable: bool = False


class Probes:
    """`await run()` until it is cancelled; `all_probed` is set once every backend was probed."""

    def __init__(self, routing: Routing, host: HostStatus) -> None:
        self.all_probed = asyncio.Event()
        self._routing = routing
        self._host = host
        self._seen: dict[Backend, _ProbeState] = {}
        self._looked_at = -1e9

    async def run(self) -> None:
        async with _client(None) as self._client, asyncio.TaskGroup() as tasks:
            while True:
                self._host.read()
                started = [tasks.create_task(self._probe(one)) for one in self._due()]
                if not self.all_probed.is_set():
                    await asyncio.gather(*started)
                    self.all_probed.set()
                await asyncio.sleep(min(_TICK_SECONDS, self._routing.settings.probe_seconds))

    def _due(self) -> list[Backend]:
        if not self._routing.settings.engine_enabled:
            return []
        backends, now = self._routing.backends, time.monotonic()
        self._seen = {one: self._seen.get(one) or _ProbeState() for one in backends}
        return [one for one, seen in self._seen.items() if self._is_due(one, seen, now)]

    def _is_due(self, backend: Backend, seen: _ProbeState, now: float) -> bool:
        pause = self._routing.settings.probe_seconds
        is_well = backend.state == "up" and not backend.ejected_until and not seen.silent
        if backend.fallback:
            is_well = is_well and not backend.consecutive_failures
            pause = FALLBACK_SECONDS if is_well else UNWELL_FALLBACK_SECONDS
        elif not is_well:
            pause = min(pause, UNWELL_SECONDS)
        return not seen.is_probing and now >= seen.probed_at + pause

    async def _probe(self, backend: Backend) -> None:
        seen = self._seen[backend]
        seen.is_probing = True
        try:
            if backend.fallback:
                await self._look_at_fallback(backend, seen)
            else:
                status, _ = await self._get(backend, _HEALTH)
                await self._judge(backend, seen, status)
        except httpx.TimeoutException:
            self._count_silence(backend, seen)
        except httpx.HTTPError as error:
            backend.has_problem(tls_problem.describe(error))
            self._set_away(backend, seen, refuses=True)
        except Exception:  # noqa: BLE001 -- a defect here must not end the probing
            logger.exception("a probe of %s failed", backend.name)
        finally:
            seen.is_probing = False
            seen.probed_at = time.monotonic()

    async def look_again(self) -> None:
        """Ask those that are up for their models now; once a second at most."""
        now = time.monotonic()
        if now < self._looked_at + LOOK_AGAIN_SECONDS:
            return
        self._looked_at = now
        backends = [one for one in self._routing.backends if one.up and not one.fallback]
        asked = [(one, self._seen.get(one)) for one in backends]
        await asyncio.gather(
            *(self._ask_for_models(one, seen) for one, seen in asked if seen is not None)
        )

    async def _judge(self, backend: Backend, seen: _ProbeState, status: int) -> None:
        seen.silent = 0
        if status >= _FAILED_FROM:
            self._set_away(backend, seen, refuses=False, loading=status == _LOADING)
            return
        if not backend.up or time.monotonic() >= seen.models_at + MODELS_SECONDS:
            await self._ask_for_models(backend, seen)
        if seen.is_away:
            seen.is_away = False
            self._host.ended(time.time())
        backend.probe_succeeded()
        backend.found("up")

    async def _look_at_fallback(self, backend: Backend, seen: _ProbeState) -> None:
        learns = backend.settings.models is None
        try:
            status, body = await self._get(backend, _MODELS, whole=learns)
        except ValueError as error:
            self._warn_unreadable(backend, seen, error)
            return
        seen.silent = 0
        if status >= _FAILED_FROM:
            backend.found("down")
            return
        if learns or status in _NOT_ALLOWED:
            self._learn(backend, seen, status, body)
        else:
            seen.is_unreadable = False
        backend.probe_succeeded()
        backend.found("up")

    async def _ask_for_models(self, backend: Backend, seen: _ProbeState) -> None:
        seen.models_at = time.monotonic()
        try:
            status, body = await self._get(backend, _MODELS)
        except (httpx.HTTPError, ValueError) as error:
            self._warn_unreadable(backend, seen, error)
        else:
            self._learn(backend, seen, status, body)

    def _learn(self, backend: Backend, seen: _ProbeState, status: int, body: bytes) -> None:
        try:
            if status != _OK:
                raise ValueError(_refusal(backend, status))  # noqa: TRY301 -- one place to log it
            backend.learned(model_list.parse(body))
            seen.is_unreadable = False
        except ValueError as error:
            self._warn_unreadable(backend, seen, error)

    def _warn_unreadable(self, backend: Backend, seen: _ProbeState, error: Exception) -> None:
        if not seen.is_unreadable:
            why = str(error) or type(error).__name__
            logger.warning("could not read the models of %s: %s", backend.name, why)
        seen.is_unreadable = True

    def _count_silence(self, backend: Backend, seen: _ProbeState) -> None:
        seen.silent += 1
        if seen.silent >= SILENT_TIMES and (
            not backend.outstanding or backend.is_replaceable(time.monotonic(), by_fallbacks=False)
        ):
            self._set_away(backend, seen, refuses=False)

    def _set_away(
        self, backend: Backend, seen: _ProbeState, *, refuses: bool, loading: bool = False
    ) -> None:
        if not seen.is_away and not backend.fallback:
            seen.is_away = True
            self._host.began(time.time())
        backend.found("loading" if loading else "down", refuses=refuses)

    async def _get(self, backend: Backend, path: str, *, whole: bool = True) -> tuple[int, bytes]:
        """Return the status, and the `whole` body or none.

        Raises httpx.HTTPError, ValueError for an endless body.
        """
        key = backend.authorization
        headers = {} if key is None else {"authorization": key.decode()}
        headers |= backend.settings.headers
        url = backend.settings.url + path
        if backend.settings.ca_file is None:
            return await self._read(self._client, url, headers, whole=whole)
        async with _client(backend.tls_context) as client:
            return await self._read(client, url, headers, whole=whole)

    @staticmethod
    async def _read(
        client: httpx.AsyncClient, url: str, headers: dict[str, str], *, whole: bool
    ) -> tuple[int, bytes]:
        body = bytearray()
        async with client.stream("GET", url, headers=headers) as response:
            if not whole:
                return response.status_code, b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _LARGEST_ANSWER:
                    raise ValueError(f"it answers more than {_LARGEST_ANSWER} bytes")
        return response.status_code, bytes(body)


def _client(trusted: ssl.SSLContext | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=trusted or ssl.create_default_context(),
        trust_env=False,
        timeout=TIMEOUT_SECONDS,
        limits=httpx.Limits(max_keepalive_connections=0),  # a probe proves that it takes new ones
    )


def _refusal(backend: Backend, status: int) -> str:
    """Say what an answer other than 200 to GET /v1/models means."""
    if status not in _NOT_ALLOWED:
        return f"it answers {status}"
    path = backend.settings.api_key_file
    if path:
        return f"it answers {status}: it does not accept the key in {path}; put its key there"
    return (
        f"it answers {status}: it asks for a key; name a file that holds it as the backend's "
        "api_key_file, as INFERENCE_BACKEND_KEY_FILE, or with `lamplighter gateway "
        "--backend-key-file`"
    )
