"""What is decided of a request: its caller, its parameters, its model, its estimated cost."""

from urllib.parse import unquote

from gateway.backends.target import Target
from gateway.core import endpoints
from gateway.core.caller import Caller
from gateway.core.endpoints import Body, Endpoint
from gateway.core.errors import EngineDisabled, Forbidden
from gateway.core.segmented_body import SegmentedBody
from gateway.relay.services import Services
from gateway.relay.timeouts import BYTES_PER_TOKEN
from gateway.request import decoding as bodies
from gateway.request import field_check
from gateway.request.head import RequestHead
from gateway.request.incremental import Reader
from gateway.request.incremental_form import FormReader
from gateway.request.incremental_json import JsonReader
from gateway.request.parameters import Parameters
from gateway.settings.gateway_settings import Settings


def accept(services: Services, head: RequestHead, now: float) -> Caller:
    """Return the caller, or raise what is wrong with the head. `now`: seconds since the epoch."""
    endpoint, headers = head.endpoint, head.headers
    endpoints.check_method(endpoint, head.method)
    services.filters.check(
        client=head.client,
        method=endpoint.method,
        path=head.path,
        headers=headers,
        size=int(headers.get(b"content-length", 0)),
    )
    caller = services.keys.identify(headers.get(b"authorization"), headers.get(b"x-api-key"), now)
    if endpoint.body is not Body.NONE:  # the list of models is no inference
        services.host.check_draining(now)
    bodies.check_head(headers, endpoint.body, services.settings)
    return caller


def read(services: Services, head: RequestHead, body: bytes) -> Parameters:
    """Return what a small body asks for. Raises InvalidRequest, Forbidden."""
    endpoint = head.endpoint
    if endpoint.body is Body.NONE:
        return Parameters()
    services.filters.check_body(head.path, body)
    kind = head.headers.get(b"content-type", b"")
    parameters = bodies.decode(body, endpoint.body, kind, services.settings)
    if endpoint.body is Body.JSON:
        field_check.check(parameters, body, services.settings.allow_fields)
    return parameters


def reader(services: Services, head: RequestHead, body: SegmentedBody) -> Reader:
    """Return what reads a large body piece by piece. Raises InvalidRequest, Forbidden."""
    services.filters.check_body(head.path, body)
    if head.endpoint.body is Body.FORM:
        return FormReader(body, head.headers.get(b"content-type", b""))
    settings = services.settings
    return JsonReader(body, settings.max_depth, settings.allow_fields)


def target(services: Services, caller: Caller, asked: str | None) -> Target:
    """Return where the model is served. Raises EngineDisabled, Forbidden, and as `resolve`."""
    check_engine(services.settings)
    found = services.routing.resolve(asked)
    _check_model(caller, asked, found.served)
    return found


def models(services: Services, caller: Caller, path: bytes) -> bytes:
    """Return the list of models, or one of them. Raises EngineDisabled, and as `resolve` does."""
    check_engine(services.settings)
    name = unquote(path.decode("latin-1").removeprefix(endpoints.MODELS).removeprefix("/"))
    if not name:
        return services.routing.models_document(caller.models)
    _check_model(caller, name)
    return services.routing.model_document(name)


def estimate(body: bytes | SegmentedBody, endpoint: Endpoint, reader: Reader | None) -> int:
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
