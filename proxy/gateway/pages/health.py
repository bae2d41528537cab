"""Is the process up, can it serve, and both at once. None of these needs a key;
strangers see the status alone.

live   200 as long as the process answers
ready  200 when a backend is up, or none is meant to be; 503 while none is, while stopping, and
       while the host drains and new requests are refused: a balancer sends them elsewhere.
       Fallbacks do not count: the host's agent and the orchestrator ask about the own engine
health 200 either way, `warning` while no backend is up; 503 while stopping. A host that drains is
       well, so what watches its health has nothing to repair: 200, `draining`
"""

from typing import Any

from litestar import Request, Response, route

from gateway import VERSION
from gateway.core.errors import GatewayError
from gateway.pages.page import READ
from gateway.pages.sources import Sources
from gateway.pages.viewer import viewer_of

# Polled every few seconds by monitors: not logged, which would drown other lines, and not filtered,
# which would make a healthy host look dead.
WATCHED = ("/health", "/health/live", "/health/ready")

_OK = 200
_UNAVAILABLE = 503
_SUMMARY = {"ready": "ok", "disabled": "ok", "stopping": "stopping", "draining": "draining"}


@route("/health/live", http_method=READ)
async def live() -> dict[str, str]:
    return {"status": "live"}


@route("/health/ready", http_method=READ)
async def ready(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    sources: Sources = request.app.state.sources
    status = engine(sources)
    facts: dict[str, Any] = {"status": status}
    if not _is_stranger(request, sources):
        facts["in_flight"] = sources.state.in_flight
    return Response(facts, status_code=_OK if status in {"ready", "disabled"} else _UNAVAILABLE)


@route("/health", http_method=READ)
async def health(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    sources: Sources = request.app.state.sources
    status = engine(sources)
    facts = {"status": summary(status)}
    if not _is_stranger(request, sources):
        facts |= {"engine": status, "version": VERSION}
    return Response(facts, status_code=_UNAVAILABLE if status == "stopping" else _OK)


def _is_stranger(request: Request[Any, Any, Any], sources: Sources) -> bool:
    """A key that is not valid makes no difference: what watches gets its answer all the same."""
    try:
        return viewer_of(request, sources).is_stranger and not sources.keys.are_open
    except GatewayError:
        return True


def engine(sources: Sources) -> str:
    """Return stopping, draining, disabled, ready, loading or waiting (down, not yet seen)."""
    if sources.state.draining:
        return "stopping"
    if sources.host.is_draining():
        return "draining"
    if not sources.settings.engine_enabled:
        return "disabled"
    states = {backend.state for backend in sources.routing.backends if not backend.fallback}
    if "up" in states:  # one that was not probed yet gets requests, but proves nothing
        return "ready"
    return "loading" if "loading" in states or sources.host.is_loading() else "waiting"


def summary(engine: str) -> str:
    """Return ok, warning, draining or stopping."""
    return _SUMMARY.get(engine, "warning")
