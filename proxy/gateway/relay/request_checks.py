"""What is decided of a request: its caller, its parameters, its model, its estimated cost."""

from urllib.parse import unquote

from gateway.access.keys import header_of_others
from gateway.access.limits import FREE, Cost
from gateway.backends.response_owners import Owner
from gateway.backends.target import Target
from gateway.core import endpoints
from gateway.core.caller import Caller
from gateway.core.endpoints import Body, Endpoint
from gateway.core.errors import EngineDisabled, Forbidden, InvalidRequest, UnknownPath
from gateway.core.segmented_body import SegmentedBody
from gateway.relay.services import Services
from gateway.relay.timeouts import BYTES_PER_TOKEN
from gateway.request import decoding as bodies
from gateway.request import field_check, media_hosts
from gateway.request.cost.media import measured
from gateway.request.cost.prompts import counted as prompt_count
from gateway.request.head import RequestHead
from gateway.request.incremental import Reader
from gateway.request.incremental_form import FormReader
from gateway.request.incremental_json import JsonReader
from gateway.request.parameters import Parameters, fields_of
from gateway.settings.gateway_settings import Settings

_RESPONSES = endpoints.RESPONSES_PATH.encode()
_LONGEST_ID = 200


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
    caller = services.keys.identify(headers.get(b"authorization"), header_of_others(headers), now)
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
    parameters = bodies.decode(body, endpoint, kind, services.settings)
    if endpoint.body is Body.JSON:
        field_check.check(parameters, body, services.settings.allow_fields)
        media_hosts.check(body, services.settings.media_hosts)
    return parameters


def reader(services: Services, head: RequestHead, body: SegmentedBody) -> Reader:
    """Return what reads a large body piece by piece. Raises InvalidRequest, Forbidden."""
    services.filters.check_body(head.path, body)
    if head.endpoint.body is Body.FORM:
        return FormReader(body, head.headers.get(b"content-type", b""))
    settings = services.settings
    fields = fields_of(head.endpoint.operation)
    return JsonReader(body, fields, settings.max_depth, settings.allow_fields, settings.media_hosts)


def owner(
    services: Services, caller: Caller, head: RequestHead, parameters: Parameters
) -> Owner | None:
    """Return who keeps the response that the request is about. Raises UnknownPath."""
    asked = parameters.previous_response_id
    if head.endpoint.body is Body.NONE and head.path.startswith(_RESPONSES):
        asked = endpoints.response_id(head.path)
    if asked is None:
        return None
    found = services.owners.of(asked)
    if found is not None and found.key_id != caller.id:
        raise UnknownPath(f"There is no response {asked[:_LONGEST_ID]!r} of this key here.")
    return found


def target(services: Services, caller: Caller, endpoint: Endpoint, asked: str | None) -> Target:
    """Return where the model is served. Raises EngineDisabled, Forbidden, and as `resolve`."""
    check_engine(services.settings)
    asked = asked or None  # to the engine, an empty name is none
    if asked is None and endpoint.body is not Body.NONE:
        services.routing.check_unnamed()
    waits = services.settings.backend_wait_seconds > 0
    found = services.routing.resolve(asked, waits=waits)
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


def cost(
    settings: Settings,
    endpoint: Endpoint,
    parameters: Parameters,
    body: bytes | SegmentedBody,
    reader: Reader | None,
) -> Cost:
    """Return about what a request will take. Raises InvalidRequest: it has too many prompts."""
    if endpoint.body is not Body.JSON:
        return FREE
    if isinstance(body, bytes):
        tokens = measured(body).tokens(len(body), BYTES_PER_TOKEN)
        prompts = prompt_count(endpoint.operation, body)
    elif reader is not None:
        tokens = reader.media.tokens(body.size, BYTES_PER_TOKEN)
        prompts = reader.prompts
    else:
        return FREE
    if not endpoint.generates:
        return Cost(tokens)
    if prompts > settings.max_prompts:
        raise InvalidRequest(
            f"The request has {prompts} prompts, and may have {settings.max_prompts}: send fewer "
            "in one request."
        )
    each = parameters.output_tokens or settings.reserve_tokens
    return Cost(tokens, prompts * parameters.choices * each, prompts)


def _check_model(caller: Caller, *names: str | None) -> None:
    if caller.models is not None and caller.models.isdisjoint(names):
        raise Forbidden("This key may not use that model.", code="model_not_allowed", param="model")


def check_engine(settings: Settings) -> None:
    if not settings.engine_enabled:
        raise EngineDisabled("This deployment runs without an inference engine.")
