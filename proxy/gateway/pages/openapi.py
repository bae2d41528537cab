"""The API as an OpenAPI 3.1 document, made from the table of endpoints.

It is true of the gateway: every path it lists passes, with the errors that it lists.
It does not describe what the engine makes of a request.
"""

from typing import Any

import msgspec
from litestar import MediaType, Response, route
from litestar import Request as LitestarRequest

from gateway import VERSION
from gateway.core import endpoints
from gateway.core.dialects import ANTHROPIC
from gateway.core.endpoints import Body, Endpoint
from gateway.pages.openapi_bodies import Request, Schema, requests
from gateway.pages.page import READ
from gateway.pages.viewer import check_known
from gateway.settings.gateway_settings import Settings

_JSON = MediaType.JSON.value
_STREAM = "text/event-stream"

# Status and sentence of what may go wrong; the last ones only where a body is sent.
_ERRORS = {
    400: "The request is not what the API takes.",
    401: "No valid key.",
    403: "The key may not do this.",
    404: "No such model here.",
    405: "The endpoint takes another method.",
    429: "Too much at once for this key, or for today.",
    500: "A defect of the gateway or of the engine.",
    502: "The engine broke off.",
    503: "The engine is loading, down or busy: `retry-after` says when to ask again.",
    504: "One of the request's time budgets ended.",
}
_BODY_ERRORS = {
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is of another kind.",
    422: "The engine does not take these values.",
}


def document(settings: Settings) -> Schema:
    """Return the document for a gateway with these settings."""
    takes = requests(settings)
    paths: Schema = {}
    for endpoint in (
        *endpoints.ENDPOINTS.values(),
        endpoints.ONE_MODEL,
        endpoints.READ_RESPONSE,
        endpoints.DELETE_RESPONSE,
        endpoints.CANCEL_RESPONSE,
    ):
        operations = paths.setdefault(endpoint.path, {})
        operations[endpoint.method.lower()] = _operation(endpoint, takes)
    is_open = settings.keys_file is None and settings.jwt is None
    return {
        "openapi": "3.1.0",
        "info": {"title": "Inference gateway", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [] if is_open else [{"bearer": []}, {"header": []}],
        "paths": paths | _PAGES,
        "components": _COMPONENTS,
    }


@route("/openapi.json", http_method=READ)
async def schema(request: LitestarRequest[Any, Any, Any]) -> Response[bytes]:
    check_known(request, request.app.state.sources)
    settings: Settings = request.app.state.sources.settings
    return Response(msgspec.json.encode(document(settings)), media_type=MediaType.JSON)


def _operation(endpoint: Endpoint, takes: dict[str, Request]) -> Schema:
    name = endpoint.path.strip("/").translate(str.maketrans("/", "_", "{}"))
    if endpoint is endpoints.DELETE_RESPONSE:  # its path has another operation too
        name = f"{name}_delete"
    operation: Schema = {"operationId": name, "tags": [endpoint.operation]}
    if endpoint.body is Body.NONE:
        is_deletion = endpoint is endpoints.DELETE_RESPONSE
        operation["summary"] = _DELETES if is_deletion else _READS.get(endpoint.path, "")
    else:
        request = takes[endpoint.operation]
        content = {endpoint.body.value: {"schema": request.schema(), "example": request.sample}}
        operation["summary"] = request.summary
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint is endpoints.ONE_MODEL:
        operation["parameters"] = [_MODEL]
    elif "{id}" in endpoint.path:
        operation["parameters"] = [_RESPONSE_ID]
    return operation | {"responses": _responses(endpoint)}


def _responses(endpoint: Endpoint) -> Schema:
    error = "AnthropicError" if endpoint.dialect is ANTHROPIC else "Error"
    content: Schema = {_JSON: {}}
    if endpoint.generates:
        content[_STREAM] = {}
    if endpoint.body is Body.FORM:
        content["text/plain"] = {"schema": {"type": "string"}}
    good = {"description": "What was asked for.", "headers": _ID, "content": content}
    errors = _ERRORS | (_BODY_ERRORS if endpoint.body is not Body.NONE else {})
    return {"200": good} | {
        str(status): _failure(status, about, error) for status, about in sorted(errors.items())
    }


def _failure(status: int, about: str, error: str) -> Schema:
    content = {_JSON: {"schema": {"$ref": f"#/components/schemas/{error}"}}}
    headers = _ID | (_RETRY if status in {429, 503} else {})
    return {"description": about, "headers": headers, "content": content}


def _page(
    operation: str, summary: str, *kinds: str, statuses: tuple[str, ...] = ("200",)
) -> Schema:
    content: Schema = {kind: {} for kind in kinds}
    responses = {
        status: {"description": "How it is.", "headers": _ID, "content": content}
        for status in statuses
    }
    page = {"operationId": operation, "tags": ["gateway"], "summary": summary, "security": []}
    return {"get": page | {"responses": responses}}


_ABOUT = (
    "The API of OpenAI in front of vLLM. Unknown fields of a request reach the engine unchanged; "
    "every error has the shape that OpenAI's clients read."
)
_DELETES = "Delete a stored response"
_READS = {
    endpoints.MODELS: "List the models",
    "/tokenizer_info": "Describe the tokenizer, where the engine shows it",
    endpoints.READ_RESPONSE.path: "Read a stored response",
    endpoints.CANCEL_RESPONSE.path: "Cancel a response in the background",
    endpoints.ONE_MODEL.path: "Describe one model",
    "/version": "Tell the versions of the engine and of the gateway",
}
_ID = {
    "x-request-id": {"description": "The client's own, or a new one.", "schema": {"type": "string"}}
}
_RETRY = {"retry-after": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
_MODEL = {
    "name": "model",
    "in": "path",
    "required": True,
    "description": "A name from the list; slashes are part of it.",
    "schema": {"type": "string", "minLength": 1},
}
_RESPONSE_ID = _MODEL | {"name": "id", "description": "The response's own id."}
_PAGES = {
    "/health": _page("health", "How it is", _JSON, statuses=("200", "503")),
    "/health/live": _page("health_live", "Whether the process answers", _JSON),
    "/health/ready": _page("health_ready", "Whether it can serve", _JSON, statuses=("200", "503")),
    "/status": _page("status", "How it is; with a key, more", _JSON, statuses=("200", "401")),
    "/metrics": _page(
        "metrics",
        "Metrics for Prometheus, for this machine or with a key",
        "text/plain",
        "application/openmetrics-text",
        _JSON,
        statuses=("200", "401"),
    ),
}
_TEXT = {"type": "string"}
_COMPONENTS = {
    "securitySchemes": {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    },
    "schemas": {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["message", "type", "code"],
                    "properties": {
                        "message": _TEXT,
                        "type": _TEXT,
                        "param": {"type": ["string", "null"]},
                        "code": {"type": ["string", "integer", "null"]},
                    },
                }
            },
        },
        "AnthropicError": {
            "type": "object",
            "required": ["type", "error", "request_id"],
            "properties": {
                "type": {"const": "error"},
                "error": {
                    "type": "object",
                    "required": ["type", "message"],
                    "properties": {"type": _TEXT, "message": _TEXT},
                },
                "request_id": _TEXT,
            },
        },
    },
}
