"""`/` and `/status`: the state of the gateway, as HTML for browsers and as JSON otherwise.

Where there are keys, strangers get a 401. Models, backends (never their addresses), load and queue
are for local users and holders of keys; a key's holder also sees the key's own usage.
"""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, route

from gateway import VERSION
from gateway.core.errors import BackendUnavailable
from gateway.pages import health, page
from gateway.pages.page import READ
from gateway.pages.sources import Sources
from gateway.pages.viewer import Viewer, check_known, viewer_of

_JSON, _HTML = MediaType.JSON.value, MediaType.HTML.value
_HEADERS = {"vary": "accept", "cache-control": "no-store"}

Summary = dict[str, Any]


@route(["/", "/status"], http_method=READ)
async def status(request: Request[Any, Any, Any]) -> Response[bytes]:
    sources: Sources = request.app.state.sources
    check_known(request, sources)
    shown = summary(sources, viewer_of(request, sources))
    if request.accept.best_match([_JSON, _HTML], default=_JSON) == _HTML:
        return page.response("Inference gateway", _html(shown, sources), _HEADERS)
    return Response(msgspec.json.encode(shown), media_type=_JSON, headers=_HEADERS)


def summary(sources: Sources, viewer: Viewer) -> Summary:
    """Return what this viewer may see."""
    engine = health.engine(sources)
    shown: Summary = {"status": health.summary(engine), "version": VERSION, "engine": engine}
    if engine in {"loading", "waiting"}:
        shown["ready_in_seconds"] = sources.host.seconds_left()
    if not viewer.is_stranger:
        shown |= _details(sources, viewer)
    if viewer.caller is not None:
        shown["usage"] = sources.usage.of(viewer.caller.id)
    return shown


def _details(sources: Sources, viewer: Viewer) -> Summary:
    backends = [
        {"backend": number, "state": each.state, "outstanding": each.outstanding}
        | ({"problem": each.problem} if each.problem else {})
        | ({"fallback": True} if each.fallback else {})
        for number, each in enumerate(sources.routing.backends, 1)
    ]
    return {
        "models": _models(sources, viewer),
        "backends": backends,
        "in_flight": sources.state.in_flight,
        "queued": sources.admission.queued,
    }


def _models(sources: Sources, viewer: Viewer) -> list[str]:
    """Return what /v1/models lists for the viewer; nothing while no backend is up."""
    try:
        listed = sources.routing.models_document(viewer.caller.models if viewer.caller else None)
    except BackendUnavailable:
        return []
    return [model["id"] for model in msgspec.json.decode(listed)["data"]]


def _html(shown: Summary, sources: Sources) -> str:
    usage = {f"usage {period}": counts for period, counts in shown.get("usage", {}).items()}
    listed = {name: value for name, value in shown.items() if name != "usage"} | usage
    rows = [(name.replace("_", " "), _text(value)) for name, value in listed.items()]
    known = "" if "models" in shown else "<p>With a key this page shows more.</p>"
    docs = '<p><a href="/docs">The API</a></p>' if sources.settings.docs else ""
    return page.table(rows) + known + docs


def _text(value: Any) -> str:
    match value:
        case None | []:
            return "none"
        case [*items]:
            return ", ".join(map(_text, items))
        case {"backend": number, "state": state, "outstanding": outstanding}:
            problem = f" ({value['problem']})" if "problem" in value else ""
            fallback = " (a fallback)" if "fallback" in value else ""
            return f"{number}{fallback}: {state}{problem}, {outstanding} outstanding"
        case dict():
            return ", ".join(f"{each} {name.replace('_', ' ')}" for name, each in value.items())
    return str(value)
