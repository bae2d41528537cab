"""What this gateway serves. Anything that is not in this table never reaches a backend.

vLLM answers many more paths (/sleep, /collective_rpc, /v1/load_lora_adapter, /invocations ...),
most of them without asking for a key: so this list names what passes, not what is refused.
Paths are compared as they came, undecoded: `//v1/models` or `/v1/%6dodels` is somewhere else.
The query string is not passed on: none of these endpoints takes one.
"""

from dataclasses import dataclass
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
        Endpoint("/v1/completions", "POST", "text_completion", generates=True, injects=True),
        Endpoint("/v1/responses", "POST", "responses", RESPONSES, generates=True),
        Endpoint("/v1/messages", "POST", "messages", ANTHROPIC, generates=True),
        Endpoint("/v1/messages/count_tokens", "POST", "count_tokens", ANTHROPIC),
        Endpoint("/v1/embeddings", "POST", "embeddings"),
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
        Endpoint("/version", "GET", "version", body=Body.NONE),
    )
}

# One model, by its name, which may hold slashes: vLLM itself does not serve this.
ONE_MODEL = Endpoint(f"{MODELS}/{{model}}", "GET", "models", body=Body.NONE)

BY_PATH = {path.encode(): endpoint for path, endpoint in ENDPOINTS.items()}
_MODEL_PREFIX = f"{MODELS}/".encode()


def find(path: bytes) -> Endpoint | None:
    """Return the endpoint of a raw request path, if there is one."""
    endpoint = BY_PATH.get(path)
    if endpoint is None and path.startswith(_MODEL_PREFIX) and path != _MODEL_PREFIX:
        return ONE_MODEL
    return endpoint


def check_method(endpoint: Endpoint, method: bytes) -> None:
    """Raises MethodNotAllowed."""
    if method != endpoint.method.encode():
        raise MethodNotAllowed(
            f"This endpoint takes {endpoint.method} only.", allow=endpoint.method
        )


def unknown() -> UnknownPath:
    return UnknownPath(
        "There is no such endpoint here: there are POST /v1/chat/completions, GET /v1/models and "
        "those that GET /docs lists."
    )
