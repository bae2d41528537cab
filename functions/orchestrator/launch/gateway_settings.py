"""The settings of a host's gateway that the specification decides, as one document in the bucket.

The host makes the gateway's own document of it (host/gateway): its engine is a backend there, and
so are the fallbacks, whose keys it reads from SSM. The gateway takes a changed one over by itself.
What else a gateway can be set to is the host's business: files, limits of memory, its engine.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.spec.deployment import Deployment
from orchestrator.spec.gateway.access import Filter, Jwt
from orchestrator.spec.gateway.section import Gateway
from orchestrator.spec.schema.fields import plain

FOLDER = "gateway"
# The gateway's own names of what `gateway` in the specification calls otherwise.
_NAMES = {"max_choices": "max_n", "wait_seconds": "backend_wait_seconds"}
# Of the host, which nginx and the unit are rendered with.
_ELSEWHERE = {
    "port", "default_timeout_seconds", "max_timeout_seconds", "requests_per_minute_per_address",
}  # fmt: skip


def key(spec_digest: str) -> str:
    """Return the document's key in the bucket: one for all hosts launched for such specifications.

    What is changed in place is written there again; a new generation has another one, so that what
    serves beside it keeps its own.
    """
    return f"{FOLDER}/{spec_digest}.json"


def document(deployment: Deployment) -> bytes:
    """Return {"settings": the gateway's, "fallbacks": its further backends, "keys": by backend}.

    keys: the file of each key, in the gateway's folder -> the SSM parameter that holds it.
    """
    gateway = deployment.gateway
    settings: dict[str, Any] = {
        _NAMES.get(name, name): value
        for name, value in plain(gateway).items()
        if name not in {*_ELSEWHERE, "fallbacks"}
    }
    settings["filters"] = [_filter(each) for each in gateway.filters]
    settings["jwt"] = _jwt(gateway.jwt)
    parameters = [each.key_parameter for each in gateway.fallbacks]
    described = {
        "settings": settings,
        "fallbacks": _fallbacks(gateway, deployment.model),
        "keys": {_file(number): name for number, name in enumerate(parameters) if name},
    }
    return json.dumps(described, indent=1, sort_keys=True).encode()


def _filter(rule: Filter) -> dict[str, Any]:
    written = plain(rule)
    return {name: value for name, value in written.items() if value not in (None, [], {})}


def _jwt(jwt: Jwt) -> dict[str, Any] | None:
    return plain(jwt) if jwt.issuer else None


def _fallbacks(gateway: Gateway, model: str) -> list[dict[str, Any]]:
    return [
        {
            "url": each.url,
            "fallback": True,
            "models": [model],
            "names": {model: each.model} if each.model else {},
            "headers": dict(each.headers),
            **({"api_key_file": _file(number)} if each.key_parameter else {}),
        }
        for number, each in enumerate(gateway.fallbacks)
    ]


def _file(number: int) -> str:
    return f"fallback-{number}"
