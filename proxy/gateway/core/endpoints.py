"""What this gateway serves. Anything that is not in this table never reaches a backend.

vLLM answers many more paths (/sleep, /collective_rpc, /v1/load_lora_adapter, /invocations ...),
most of them without asking for a key: so this list names what passes, not what is refused.
Paths are compared as they came, undecoded: `//v1/models` or `/v1/%6dodels` is somewhere else.
The query string is passed on to the one endpoint that takes one: GET /v1/responses/ID.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum

from gateway.core.dialects import ANTHROPIC, OPENAI, RESPONSES, Dialect
from gateway.core.errors import MethodNotAllowed, UnknownPath


class Body(Enum):
    """What an endpoint takes."""

    NONE = "none"
    JSON = "application/json"
    FORM = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path that passes. `generates`: tokens, so it may stream.

    `injects`: a stream's `stream_options` may be set to get its usage.
    """

    path: str
    method: str
    operation: str
    dialect: Dialect = OPENAI
    body: Body = Body.JSON
    generates: bool = False
    injects: bool = False


MODELS = "/v1/models"

ENDPOINTS = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint("/v1/chat/completions", "POST", "chat", generates=True, injects=True),
        Endpoint("/v1/chat/completions/batch", "POST", "chat_batch", generates=True),
        Endpoint("/v1/completions", "POST", "text_completion", generates=True, injects=True),
        Endpoint("/v1/responses", "POST", "responses", RESPONSES, generates=True),
        Endpoint("/v1/messages", "POST", "messages", ANTHROPIC, generates=True),
        Endpoint("/v1/messages/count_tokens", "POST", "count_tokens", ANTHROPIC),
        Endpoint("/v1/embeddings", "POST", "embeddings"),
        Endpoint("/v1/decisions", "POST", "decisions"),
        Endpoint("/v1/systemone", "POST", "decisions"),  # as vLLM 0.32 calls it
        Endpoint("/v2/embed", "POST", "embed"),
        Endpoint("/tokenize", "POST", "tokenize"),
        Endpoint("/detokenize", "POST", "detokenize"),
        Endpoint("/pooling", "POST", "pooling"),
        Endpoint("/classify", "POST", "classify"),
        Endpoint("/score", "POST", "score"),
        Endpoint("/v1/score", "POST", "score"),
        Endpoint("/rerank", "POST", "rerank"),
        Endpoint("/v1/rerank", "POST", "rerank"),
        Endpoint("/v2/rerank", "POST", "rerank"),
        Endpoint(
            "/v1/audio/transcriptions", "POST", "transcription", body=Body.FORM, generates=True
        ),
        Endpoint("/v1/audio/translations", "POST", "translation", body=Body.FORM, generates=True),
        Endpoint(MODELS, "GET", "models", body=Body.NONE),
        Endpoint("/tokenizer_info", "GET", "tokenizer_info", body=Body.NONE),
        Endpoint("/version", "GET", "version", body=Body.NONE),
    )
}

# One model, by its name, which may hold slashes: vLLM itself does not serve this.
ONE_MODEL = Endpoint(f"{MODELS}/{{model}}", "GET", "models", body=Body.NONE)

# A response that was stored, by its id.
RESPONSES_PATH = "/v1/responses/"
READ_RESPONSE = Endpoint(f"{RESPONSES_PATH}{{id}}", "GET", "response_read", RESPONSES, Body.NONE)
DELETE_RESPONSE = Endpoint(READ_RESPONSE.path, "DELETE", "response_delete", RESPONSES, Body.NONE)
CANCEL_RESPONSE = Endpoint(
    f"{READ_RESPONSE.path}/cancel", "POST", "response_cancel", RESPONSES, Body.NONE
)
_RESPONSE = re.compile(rb"/v1/responses/(?!render$)([A-Za-z0-9][A-Za-z0-9._-]{0,255})(/cancel)?")
_QUERY = re.compile(rb"[A-Za-z0-9_=&.-]{1,200}")

# Routes of vLLM that are not served, by how they begin.
REFUSED = {
    "/sleep": "it stops the engine", "/wake_up": "it starts the engine", "/pause": "it stops "
    "the engine", "/resume": "it starts the engine", "/is_": "it is the operator's",
    "/collective_rpc": "it runs code in the engine", "/reset_": "it empties the engine's caches",
    "/release_kv_cache": "it empties the engine's caches", "/abort_requests": "it ends the "
    "requests of others", "/inference/": "it is for servers that share an engine's work",
    "/v1/load_lora": "it loads what the caller names", "/v1/unload_lora": "it takes away a model",
    "/update_weight": "it changes the model", "/start_weight": "it changes the model",
    "/start_draft": "it changes the model", "/finish_weight": "it changes the model",
    "/init_weight": "it changes the model", "/shutdown_weight": "it changes the model",
    "/weight_": "it is the operator's", "/get_world_size": "it is the operator's",
    "/scale_elastic": "it changes the engine", "/fault_tolerance": "it changes the engine",
    "/start_profile": "it slows the engine down", "/stop_profile": "it is the operator's",
    "/server_info": "it shows the engine's settings", "/kv_event": "it is the operator's",
    "/load": "it is the operator's", "/ping": "use /health/live",
    "/invocations": "use the paths under /v1", "/cohere/": "use /v1/chat/completions",
    "/generative_scoring": "use /v1/score", "/adapters": "it loads what the caller names",
    "/v1/realtime": "WebSockets do not pass here",
}  # fmt: skip
_PARTS_OF_WORK = ("/render", "/derender")  # for servers that share an engine's work

BY_PATH = {path.encode(): endpoint for path, endpoint in ENDPOINTS.items()}
_MODEL_PREFIX = f"{MODELS}/".encode()


def find(path: bytes, method: bytes, query: bytes | None) -> Endpoint | None:
    """Return the endpoint of a raw request path, if there is one."""
    endpoint = BY_PATH.get(path)
    if endpoint is None and path.startswith(_MODEL_PREFIX) and path != _MODEL_PREFIX:
        return ONE_MODEL
    if endpoint is None and (found := _RESPONSE.fullmatch(path)):
        return _of_response(path.decode(), method, query, cancels=found[2] is not None)
    return endpoint


def response_id(path: bytes) -> str | None:
    """Return the id that a path names a stored response by."""
    found = _RESPONSE.fullmatch(path)
    return None if found is None else found[1].decode()


def _of_response(path: str, method: bytes, query: bytes | None, *, cancels: bool) -> Endpoint:
    if cancels:
        return replace(CANCEL_RESPONSE, path=path)
    if method == b"DELETE":
        return replace(DELETE_RESPONSE, path=path)
    if query and _QUERY.fullmatch(query):
        path = f"{path}?{query.decode()}"
    return replace(READ_RESPONSE, path=path)


def check_method(endpoint: Endpoint, method: bytes) -> None:
    """Raises MethodNotAllowed."""
    if method != endpoint.method.encode():
        reads = endpoint.operation == READ_RESPONSE.operation
        allowed = (READ_RESPONSE.method, DELETE_RESPONSE.method) if reads else (endpoint.method,)
        raise MethodNotAllowed(
            f"This endpoint takes {' and '.join(allowed)} only.", allow=", ".join(allowed)
        )


def unknown(path: str = "") -> UnknownPath:
    reasons = [why for start, why in REFUSED.items() if path.startswith(start)]
    if path.endswith(_PARTS_OF_WORK):
        reasons.append("it is for servers that share an engine's work")
    for why in reasons:
        return UnknownPath(f"The engine's own {path} is not served here: {why}.")
    return UnknownPath(
        "There is no such endpoint here: there are POST /v1/chat/completions, GET /v1/models and "
        "those that GET /docs lists."
    )
