"""What this gateway serves. Anything that is not in this table never reaches a backend.

vLLM answers many more paths (/sleep, /collective_rpc, /v1/load_lora_adapter, /invocations ...),
most of them without asking for a key: so this list names what passes, not what is refused.
Paths are compared as they came, undecoded: `//v1/models` or `/v1/%6dodels` is somewhere else.
The query string is not passed on: none of these endpoints takes one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

import msgspec

from inference_proxy import VERSION
from inference_proxy.errors import BackendLost, MethodNotAllowed, UnknownModel, UnknownPath

_INFERENCE = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/tokenize",
    "/detokenize",
    "/v1/rerank",
    "/rerank",
    "/v2/rerank",
    "/score",
    "/v1/score",
)
_MODELS = "/v1/models"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes, and what becomes of a good (200, unstreamed) answer on its way back."""

    method: str
    path: str
    edit: Callable[[bytes], bytes] | None = None


def match(method: str, path: str) -> Route:
    """Return the route of a raw request path. Raises UnknownPath, MethodNotAllowed."""
    route = _ROUTES.get(path) or _one_model(path)
    if route is None:
        raise UnknownPath("There is no such endpoint here.")
    if method != route.method:
        raise MethodNotAllowed(f"This endpoint takes {route.method} only.", allow=route.method)
    return route


def _one_model(path: str) -> Route | None:
    """Return the route of a single model, which vLLM does not serve: it is picked from its list."""
    name = unquote(path.removeprefix(_MODELS + "/"))
    if not path.startswith(_MODELS + "/") or not name:
        return None
    return Route("GET", _MODELS, partial(_pick, name))


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[msgspec.Raw]


def _pick(name: str, body: bytes) -> bytes:
    try:
        entries = msgspec.json.decode(body, type=_Models).data
        named = {msgspec.json.decode(entry, type=_Model).id: bytes(entry) for entry in entries}
    except ValueError as error:
        raise BackendLost("The model server's list of models cannot be read.") from error
    if name not in named:
        raise UnknownModel(f"The model {name[:200]!r} is not served here.", param="model")
    return named[name]


class _Version(msgspec.Struct):
    version: str | None = None


def _with_our_version(body: bytes) -> bytes:
    try:
        theirs = msgspec.json.decode(body, type=_Version).version
    except ValueError as error:
        raise BackendLost("The model server's version cannot be read.") from error
    return msgspec.json.encode({"version": theirs, "proxy_version": VERSION})


_ROUTES = {path: Route("POST", path) for path in _INFERENCE} | {
    _MODELS: Route("GET", _MODELS),
    "/version": Route("GET", "/version", _with_our_version),
}
