"""What is decided once a request's body is in: what it asks for, of whom, and what it may cost."""

from typing import TYPE_CHECKING
from urllib.parse import unquote

from inference_proxy import body as bodies
from inference_proxy import fields, routes
from inference_proxy.arrival import Arrival
from inference_proxy.ask import Ask
from inference_proxy.errors import EngineDisabled, Forbidden
from inference_proxy.keys import Caller
from inference_proxy.large import Reader
from inference_proxy.large_form import FormReader
from inference_proxy.large_json import JsonReader
from inference_proxy.pieces import Pieces
from inference_proxy.routes import Body, Endpoint
from inference_proxy.settings import Settings
from inference_proxy.target import Target
from inference_proxy.timeouts import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from inference_proxy.gateway import Gateway


def read(gateway: "Gateway", arrival: Arrival, body: bytes) -> Ask:
    """Return what a small body asks for. Raises InvalidRequest, Forbidden."""
    endpoint = arrival.endpoint
    if endpoint.body is Body.NONE:
        return Ask()
    gateway.filters.check_body(arrival.path, body)
    kind = arrival.headers.get(b"content-type", b"")
    ask = bodies.decode(body, endpoint.body, kind, gateway.settings)
    if endpoint.body is Body.JSON:
        fields.check(ask, body, gateway.settings.allow_fields)
    return ask


def reader(gateway: "Gateway", arrival: Arrival, body: Pieces) -> Reader:
    """Return what reads a large body piece by piece. Raises InvalidRequest, Forbidden."""
    gateway.filters.check_body(arrival.path, body)
    if arrival.endpoint.body is Body.FORM:
        return FormReader(body, arrival.headers.get(b"content-type", b""))
    settings = gateway.settings
    return JsonReader(body, settings.max_depth, settings.allow_fields)


def target(gateway: "Gateway", caller: Caller, asked: str | None) -> Target:
    """Return who may serve the model. Raises EngineDisabled, Forbidden, and as `resolve` does."""
    check_engine(gateway.settings)
    found = gateway.routing.resolve(asked)
    _check_model(caller, asked, found.served)
    return found


def models(gateway: "Gateway", caller: Caller, path: bytes) -> bytes:
    """Return the list of models, or one of them. Raises EngineDisabled, and as `resolve` does."""
    check_engine(gateway.settings)
    name = unquote(path.decode("latin-1").removeprefix(routes.MODELS).removeprefix("/"))
    if not name:
        return gateway.routing.models_document(caller.models)
    _check_model(caller, name)
    return gateway.routing.model_document(name)


def estimate(body: bytes | Pieces, endpoint: Endpoint, reader: Reader | None) -> int:
    """Return about how many tokens a prompt has; audio and images are not text."""
    if endpoint.body is not Body.JSON:
        return 0
    if isinstance(body, bytes):
        return 0 if b";base64," in body else len(body) // BYTES_PER_TOKEN
    return 0 if reader is None or reader.has_media else body.size // BYTES_PER_TOKEN


def _check_model(caller: Caller, *names: str | None) -> None:
    if caller.models is not None and caller.models.isdisjoint(names):
        raise Forbidden("This key may not use that model.", code="model_not_allowed", param="model")


def check_engine(settings: Settings) -> None:
    if not settings.engine_enabled:
        raise EngineDisabled("This deployment runs without an inference engine.")
