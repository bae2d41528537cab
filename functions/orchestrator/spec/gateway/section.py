"""The keys of `gateway`; launch/gateway_settings.py makes the gateway's own settings of them."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.spec.gateway.access import Filter, Jwt, KeyLimits
from orchestrator.spec.gateway.fallback import Fallback
from orchestrator.spec.gateway.fields import RESTRICTED
from orchestrator.spec.patterns import ANY_URL, HOST_NAME, NAME_OF_MODEL, ORIGIN
from orchestrator.spec.schema.fields import option, section, sections

_MODEL = {
    "description": "1 to 200 printable characters",
    "type": "string",
    "pattern": NAME_OF_MODEL,
    "examples": ["gpt-4o"],
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """The proxy in front of the engine."""

    port: int = option(
        8080, about="loopback port of the gateway", type="integer", minimum=1024, maximum=65535
    )
    default_timeout_seconds: int = option(
        90, about="budget of an ordinary request", type="integer", minimum=1, maximum=3600
    )
    max_timeout_seconds: int = option(
        600, about="budget of a long generation", type="integer", minimum=1, maximum=3600
    )
    requests_per_minute_per_address: int | None = option(
        None,
        about="inference requests a minute from one client address; null: no limit",
        type=["integer", "null"],
        minimum=1,
        maximum=100_000,
    )
    aliases: tuple[tuple[str, str], ...] = option(
        {},
        about="other names for the model, each with the name that it stands for",
        type="object",
        propertyNames=_MODEL,
        additionalProperties=_MODEL,
        maxProperties=50,
        examples=[{"gpt-4o": "Qwen/Qwen2.5-7B-Instruct"}],
    )
    fallbacks: tuple[Fallback, ...] = sections(
        Fallback,
        about="other OpenAI-compatible endpoints, asked in turn only while the engine loads or is "
        "down; a response header says so",
        maxItems=4,
        examples=[[{"url": "https://llm.example.com/v1", "key_parameter": "/inference/llm-key"}]],
    )
    key_limits: KeyLimits = section(
        KeyLimits, about="limits of each API key that has none of its own"
    )
    jwt: Jwt = section(Jwt, about="tokens of an OpenID provider, beside API keys")
    filters: tuple[Filter, ...] = sections(
        Filter,
        about="rules that refuse requests",
        maxItems=50,
        examples=[[{"name": "office-only", "allow": ["203.0.113.0/24"]}]],
    )
    cors_origins: tuple[str, ...] = option(
        [],
        about="origins whose pages may use the endpoint from a browser; *: all",
        type="array",
        items={"type": "string", "pattern": ORIGIN, "examples": ["https://chat.example.com"]},
        maxItems=50,
        uniqueItems=True,
        examples=[["https://chat.example.com"]],
    )
    allow_fields: tuple[str, ...] = option(
        [],
        about="request fields that are refused otherwise, since they make the engine run or load "
        "what the caller sent",
        type="array",
        items={"enum": list(RESTRICTED)},
        maxItems=len(RESTRICTED),
        uniqueItems=True,
        examples=[["chat_template"]],
    )
    media_hosts: tuple[str, ...] = option(
        [],
        about="hosts that the engine may fetch pictures, sound and files from; a dot before a "
        "name: all within it; *: any; empty: requests hold their data",
        type="array",
        items={
            "type": "string",
            "pattern": rf"\*|\.?{HOST_NAME}",
            "examples": ["images.example.com"],
        },
        maxItems=50,
        uniqueItems=True,
        examples=[["images.example.com"]],
    )
    cache_salt: bool = option(
        False,
        about="give each API key a prefix cache of its own, so that no key can measure what "
        "others asked",
        type="boolean",
    )
    heartbeats: bool = option(
        False, about="keep-alive comments on all idle streams, requested or not", type="boolean"
    )
    keepalive_seconds: int = option(
        15, about="pause between such comments", type="integer", minimum=1, maximum=3600
    )
    wait_seconds: int = option(
        0,
        about="how long requests wait while the engine is not up; 0: they are refused at once",
        type="integer",
        minimum=0,
        maximum=3600,
    )
    queue_length: int = option(
        256,
        about="requests that may wait for a place at the engine",
        type="integer",
        minimum=0,
        maximum=100_000,
    )
    queue_seconds: int = option(
        30, about="how long they wait", type="integer", minimum=1, maximum=3600
    )
    max_output_tokens: int | None = option(
        None,
        about="most tokens that one request may ask for; null: any",
        type=["integer", "null"],
        minimum=1,
        maximum=10_485_760,
    )
    max_choices: int = option(
        16, about="most choices (n) that one may ask for", type="integer", minimum=1, maximum=1024
    )
    max_prompts: int = option(
        2048, about="most prompts in one request", type="integer", minimum=1, maximum=100_000
    )
    reserve_tokens: int = option(
        1024,
        about="tokens reserved within a key's limits for an answer whose request names no maximum",
        type="integer",
        minimum=1,
        maximum=10_485_760,
    )
    count_usage: bool = option(
        True, about="count the tokens of streams too; clients see no trace of it", type="boolean"
    )
    docs: bool = option(True, about="serve /docs and /openapi.json", type="boolean")
    otlp_endpoint: str | None = option(
        None,
        about="where traces of requests go, by OTLP/HTTP; null: nowhere",
        type=["string", "null"],
        pattern=ANY_URL,
        maxLength=500,
        examples=["https://otel.example.com/v1/traces"],
    )
