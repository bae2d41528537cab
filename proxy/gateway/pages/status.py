"""`/` and `/status`: how the gateway is, as a page for browsers and as JSON for everything else.

A stranger hears what /health says. Models, backends (never their addresses), load and queue are for
this machine itself and for holders of keys; a key's holder also hears of the key's own usage.
"""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, route

from gateway import VERSION
from gateway.core.errors import BackendUnavailable
from gateway.pages import health, page, viewer
from gateway.pages.page import READ
from gateway.pages.sources import Sources
from gateway.pages.viewer import Viewer

_JSON, _HTML = MediaType.JSON.value, MediaType.HTML.value
_HEADERS = {"vary": "accept", "cache-control": "no-store"}

Summary = dict[str, Any]


@route(["/", "/status"], http_method=READ)
async def status(request: Request[Any, Any, Any]) -> Response[bytes]:
    sources: Sources = request.app.state.sources
    told = summary(sources, viewer.of(request, sources))
    if request.accept.best_match([_JSON, _HTML], default=_JSON) == _HTML:
        return page.response("Inference gateway", _html(told, sources), _HEADERS)
    return Response(msgspec.json.encode(told), media_type=_JSON, headers=_HEADERS)


def summary(sources: Sources, asker: Viewer) -> Summary:
    """Return what may be told to whoever asks."""
    engine = health.engine(sources)
    told: Summary = {"status": health.summary(engine), "version": VERSION, "engine": engine}
    if engine in {"loading", "waiting"}:
        told["ready_in_seconds"] = sources.startup.seconds_left()
    if not asker.is_stranger:
        told |= _details(sources, asker)
    if asker.caller is not None:
        told["usage"] = sources.usage.of(asker.caller.id)
    return told


def _details(sources: Sources, asker: Viewer) -> Summary:
    backends = [
        {"backend": number, "state": each.state, "outstanding": each.outstanding}
        for number, each in enumerate(sources.routing.backends, 1)
    ]
    return {
        "models": _models(sources, asker),
        "backends": backends,
        "in_flight": sources.state.in_flight,
        "queued": sources.admission.queued,
    }


def _models(sources: Sources, asker: Viewer) -> list[str]:
    """Return what /v1/models lists for the asker; nothing while no backend can say."""
    try:
        listed = sources.routing.models_document(asker.caller.models if asker.caller else None)
    except BackendUnavailable:
        return []
    return [model["id"] for model in msgspec.json.decode(listed)["data"]]


def _html(told: Summary, sources: Sources) -> str:
    usage = {f"usage {period}": counts for period, counts in told.get("usage", {}).items()}
    shown = {name: value for name, value in told.items() if name != "usage"} | usage
    rows = [(name.replace("_", " "), _text(value)) for name, value in shown.items()]
    known = "" if "models" in told else "<p>With a key this page shows more.</p>"
    docs = '<p><a href="/docs">The API</a></p>' if sources.settings.docs else ""
    return page.table(rows) + known + docs


def _text(value: Any) -> str:
    match value:
        case None | []:
            return "none"
        case [*items]:
            return ", ".join(map(_text, items))
        case {"backend": number, "state": state, "outstanding": outstanding}:
            return f"{number}: {state}, {outstanding} outstanding"
        case dict():
            return ", ".join(f"{each} {name.replace('_', ' ')}" for name, each in value.items())
    return str(value)
