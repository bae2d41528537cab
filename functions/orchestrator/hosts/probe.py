"""Ask the endpoint what a client would ask, from outside: models, then one token.

The origin map is the one seam between AWS and the local twin: LAMPLIGHTER_ORIGINS names a JSON file
{"https://52.1.2.3": "http://127.0.0.1:40001"}; an origin that it lists is reached there instead.
On AWS the variable is unset.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator.errors import Pending

_SECONDS = 20.0  # for a token
_ANSWER_TOKENS = 64
_READY_SECONDS = 2.0  # a gateway says at once whether it is ready


def serves(origin: str, api_key: str, name: str | None = None) -> str:
    """Return the model that is served; raise Pending with what is wrong otherwise.

    name: the deployment's, for SNI and Host, where the origin is the address of one of its hosts.
    """
    model = _model(origin, api_key, name)
    prompt = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "ping"}]}
    answer = _ask("POST", origin, "/v1/chat/completions", name, api_key, prompt)
    if not answer.get("choices"):
        raise Pending(f"{origin}/v1/chat/completions answered without choices")
    return model


def answer(origin: str, api_key: str, name: str | None, prompt: str, seconds: float) -> str:
    """Return the whole answer to a prompt, up to 64 tokens of it; Pending with what is wrong.

    seconds: until its last byte.
    """
    body = {
        "model": _model(origin, api_key, name),
        "max_tokens": _ANSWER_TOKENS,
        "temperature": 0,
        "messages": [{"role": "user", "content": prompt}],
    }
    said = _ask("POST", origin, "/v1/chat/completions", name, api_key, body, seconds)
    try:
        return str(said["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, TypeError):
        raise Pending(f"{origin}/v1/chat/completions answered without choices") from None


def ready(origin: str, name: str | None = None) -> None:
    """Raise Pending unless the gateway and what it needs are ready; asks without a key."""
    _ask("GET", origin, "/health/ready", name, seconds=_READY_SECONDS)


def _model(origin: str, api_key: str, name: str | None) -> str:
    models = _ask("GET", origin, "/v1/models", name, api_key)
    try:
        return str(models["data"][0]["id"])
    except (KeyError, IndexError, TypeError):
        raise Pending(f"{origin}/v1/models names no model") from None


def _ask(
    method: str,
    origin: str,
    path: str,
    name: str | None,
    api_key: str = "",
    body: Any = None,
    seconds: float = _SECONDS,
) -> dict[str, Any]:
    headers = {
        "Content-Type": "application/json",
        "X-Lamplighter-Fallback": "no",  # the gateway's fallback says nothing about the host
        **({"Host": name} if name else {}),
    }
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    connection = None
    try:
        connection = _connect(_mapped(origin), name, seconds)
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        text = response.read(1_000_000)
        answer = json.loads(text) if response.status == http.client.OK else {}
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Pending(f"{origin}{path} does not answer: {type(error).__name__}: {error}") from error
    finally:
        if connection:
            connection.close()
    if response.status != http.client.OK:
        raise Pending(f"{origin}{path} answers {response.status}")
    return answer if isinstance(answer, dict) else {}


def _connect(origin: str, name: str | None, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    context = ssl.create_default_context()
    # The host signs its own certificate until it has one of an authority; the API key is what
    # protects the endpoint from others, and this probe proves service, not identity.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)
    if name:
        plain = socket.create_connection((host, parts.port or 443), seconds)
        connection.sock = context.wrap_socket(plain, server_hostname=name)
    return connection


def _mapped(origin: str) -> str:
    path = os.environ.get("LAMPLIGHTER_ORIGINS")
    if not path:
        return origin
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Pending(f"the origin map {path} cannot be read: {error}") from error
    if origin not in known:
        raise Pending(f"{origin} leads nowhere yet")
    return str(known[origin])
