"""Is the process up, can it serve, and both at once. None of these needs a key.

live   200 as long as the process answers
ready  200 when a backend is healthy, or none is meant to be; 503 while loading or stopping
health 200 either way, `warning` while no backend is healthy; 503 while stopping
"""

from typing import Any

from litestar import Response, get
from litestar.datastructures import State

from inference_proxy import VERSION
from inference_proxy.gateway import Gateway

_OK = 200
_UNAVAILABLE = 503


@get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "live"}


@get("/health/ready")
async def ready(state: State) -> Response[dict[str, Any]]:
    gateway: Gateway = state.gateway
    status = await _state(gateway)
    facts = {"status": status, "in_flight": gateway.in_flight}
    return Response(facts, status_code=_OK if status in {"ready", "disabled"} else _UNAVAILABLE)


@get("/health")
async def health(state: State) -> Response[dict[str, Any]]:
    status = await _state(state.gateway)
    summary = {"ready": "ok", "disabled": "ok", "waiting": "warning", "stopping": "stopping"}
    facts = {"status": summary[status], "engine": status, "version": VERSION}
    return Response(facts, status_code=_UNAVAILABLE if status == "stopping" else _OK)


async def _state(gateway: Gateway) -> str:
    if gateway.draining:
        return "stopping"
    if not gateway.settings.engine_enabled:
        return "disabled"
    return "ready" if await gateway.upstream.alive() else "waiting"
