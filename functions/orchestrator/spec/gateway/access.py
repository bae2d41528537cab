"""Who may ask, and how much: limits of keys, tokens of a provider, filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.spec.patterns import HEADER_NAME, URL
from orchestrator.spec.schema.fields import option

_ALGORITHMS = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip
_CLASSES = ["interactive", "standard", "batch"]
_CLAIM: Any = {
    "type": ["string", "null"],
    "pattern": r"[A-Za-z0-9_.:/-]{1,100}",
    "examples": ["groups"],
}
_METHODS = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]
_NETWORKS: Any = {
    "type": "array",
    "items": {"type": "string", "maxLength": 49, "examples": ["203.0.113.0/24"]},
    "maxItems": 100,
    "uniqueItems": True,
    "examples": [["203.0.113.0/24"]],
}
_PATTERN: Any = {"maxLength": 1000, "pattern": r"[ -~]+", "examples": ["password"]}


def _limit(what: str) -> Any:
    return option(
        None,
        about=f"{what}; null: no limit",
        type=["integer", "null"],
        minimum=1,
        maximum=1_000_000_000_000,
    )


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """As a key's own limits; a key with any limit of its own has none of these."""

    requests_per_minute: int | None = _limit("requests a minute")
    tokens_per_minute: int | None = _limit("tokens a minute, prompts and answers")
    concurrency: int | None = _limit("requests at once")
    tokens_per_day: int | None = _limit("tokens a day (UTC)")


@dataclass(frozen=True, slots=True)
class Jwt:
    """Without issuer and audience no token is accepted."""

    issuer: str | None = option(
        None,
        about="https URL of the provider whose tokens are accepted, as their iss says",
        type=["string", "null"],
        pattern=URL,
        maxLength=500,
        examples=["https://login.example.com/"],
    )
    audience: str | None = option(
        None,
        about="whom they are for, as their aud says",
        type=["string", "null"],
        pattern=r"[!-~]{1,500}",
        examples=["llm"],
    )
    jwks_url: str | None = option(
        None,
        about="https URL of the provider's keys; null: as its openid-configuration says",
        type=["string", "null"],
        pattern=URL,
        maxLength=500,
        examples=["https://login.example.com/keys"],
    )
    algorithms: tuple[str, ...] = option(
        ["RS256", "ES256"],
        about="how tokens may be signed",
        type="array",
        items={"enum": _ALGORITHMS},
        minItems=1,
        maxItems=len(_ALGORITHMS),
        uniqueItems=True,
        examples=[["RS256"]],
    )
    id_claim: str = option(
        "sub", about="claim that names the caller", **{**_CLAIM, "type": "string"}
    )
    models_claim: str | None = option(
        None, about="claim that lists the models that may be used; null: all", **_CLAIM
    )
    priority_claim: str | None = option(
        None, about="claim that names the priority class; null: all have `priority`", **_CLAIM
    )
    priority: str = option("standard", about="priority class of the callers", enum=_CLASSES)
    requests_per_minute: int | None = _limit("requests a minute of each caller")
    tokens_per_minute: int | None = _limit("tokens a minute of each caller")
    concurrency: int | None = _limit("requests at once of each caller")
    tokens_per_day: int | None = _limit("tokens a day (UTC) of each caller")
    leeway_seconds: int = option(
        5, about="how far the provider's clock may be off", type="integer", minimum=0, maximum=300
    )
    refresh_seconds: int = option(
        300,
        about="pause between two looks at the provider's keys",
        type="integer",
        minimum=10,
        maximum=86_400,
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """A rule that refuses a request; paths and methods say to which ones it applies."""

    name: str = option(
        about="named in the refusal",
        type="string",
        pattern=r"[A-Za-z0-9._-]{1,64}",
        examples=["office-only"],
    )
    paths: tuple[str, ...] = option(
        [],
        about="paths that it applies to; * at the end: all that begin so; empty: all",
        type="array",
        items={"type": "string", "pattern": r"/[!-~]{0,199}", "examples": ["/v1/embeddings"]},
        maxItems=50,
        uniqueItems=True,
        examples=[["/v1/embeddings"]],
    )
    methods: tuple[str, ...] = option(
        [],
        about="methods that it applies to; empty: all",
        type="array",
        items={"enum": _METHODS},
        maxItems=len(_METHODS),
        uniqueItems=True,
        examples=[["POST"]],
    )
    allow: tuple[str, ...] = option(
        [], about="refuse clients outside of these networks; empty: no such rule", **_NETWORKS
    )
    deny: tuple[str, ...] = option([], about="refuse clients in these networks", **_NETWORKS)
    max_size: int | None = option(
        None,
        about="refuse larger bodies, bytes; null: no such rule",
        type=["integer", "null"],
        minimum=0,
        maximum=52_428_800,
    )
    headers: tuple[tuple[str, str], ...] = option(
        {},
        about="refuse headers that contain it: names, each with an RE2 pattern",
        type="object",
        propertyNames={"type": "string", "pattern": HEADER_NAME, "examples": ["user-agent"]},
        additionalProperties={"type": "string", **_PATTERN},
        maxProperties=20,
        examples=[{"user-agent": "curl"}],
    )
    body: str | None = option(
        None,
        about="refuse bodies that contain it: an RE2 pattern",
        type=["string", "null"],
        **_PATTERN,
    )
