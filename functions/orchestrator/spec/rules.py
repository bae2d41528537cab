"""Rules that join several keys of a specification.

Each names the keys that it reads, so that it is left out where one of them is wrong already, and
holds the JSON Schema of what it checks; without one, its text goes into the description of
spec.schema.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.spec import checks, schedule_checks, tool_parsers
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.gateway import checks as gateway_checks
from orchestrator.spec.schema.values import Problem, Schema
from orchestrator.spec.sections import DEFAULT_TYPE

_EVERY_ADDRESS = "0.0.0.0/0"
_TEXT: Schema = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Rule:
    """check: yields (path, sentence) per contradiction. about: the rule in words."""

    about: str
    reads: tuple[str, ...]
    check: Callable[[Deployment], checks.Found]
    schema: Schema | None = None


def contradictions(spec: Deployment, wrong: Iterable[str]) -> list[Problem]:
    """Return the problems that no single key shows; wrong: paths that are refused already."""
    return [
        Problem(path, sentence)
        for rule in RULES
        if not any(_touches(path, read) for path in wrong for read in rule.reads)
        for path, sentence in rule.check(spec)
    ]


def _touches(path: str, read: str) -> bool:
    return path == read or path.startswith((f"{read}.", f"{read}[")) or read.startswith(f"{path}.")


def _given(path: str, schema: Any) -> Schema:
    """A schema that holds where `section.key` is there and fits `schema`."""
    section, key = path.split(".")
    inner = {"required": [key], "properties": {key: schema}}
    return {"required": [section], "properties": {section: inner}}


def _if(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


_ON_CPU = _given("engine.on_cpu", {"const": True})
_DOMAIN = _given("dns.domain", _TEXT)
_WINDOWS = _given("schedule.on", {"minItems": 1})
_ROTATES = _given("rotation.every_days", {"type": "integer"})
_ROTATION_WINDOWS = _given("rotation.on", {"minItems": 1})
_OFFICIAL_IMAGE = {
    "properties": {"engine": {"properties": {"image": {"pattern": f"^{checks.OFFICIAL_IMAGE}"}}}}
}

RULES = (
    Rule(
        "dns.zone_id needs dns.domain",
        ("dns.zone_id", "dns.domain"),
        checks.zone_without_domain,
        _if(_given("dns.zone_id", _TEXT), _DOMAIN),
    ),
    Rule(
        "dns.subdomain needs dns.domain",
        ("dns.subdomain", "dns.domain"),
        checks.subdomain_without_domain,
        _if(_given("dns.subdomain", {"not": {"const": "infer"}}), _DOMAIN),
    ),
    Rule(
        "gateway.port and engine.port differ",
        ("gateway.port", "engine.port"),
        checks.same_port,
    ),
    Rule(
        "gateway.max_timeout_seconds is no less than gateway.default_timeout_seconds",
        ("gateway.max_timeout_seconds", "gateway.default_timeout_seconds"),
        checks.timeouts,
    ),
    Rule(
        "gateway.aliases stand for models, not for other aliases",
        ("gateway.aliases",),
        lambda spec: gateway_checks.aliases(spec.gateway),
    ),
    Rule(
        "gateway.jwt.issuer and gateway.jwt.audience are given together",
        ("gateway.jwt",),
        lambda spec: gateway_checks.issuer_and_audience(spec.gateway),
    ),
    Rule(
        "gateway.filters name networks as 203.0.113.0/24, and patterns that RE2 takes",
        ("gateway.filters",),
        lambda spec: gateway_checks.filters(spec.gateway),
    ),
    Rule(
        "no two of gateway.fallbacks have the same URL",
        ("gateway.fallbacks",),
        lambda spec: gateway_checks.fallbacks(spec.gateway),
    ),
    Rule(
        "canary.prompts have at most 45 seconds together",
        ("canary.prompts",),
        checks.canary_seconds,
    ),
    Rule(
        "schedule.time_zone and schedule.on are given together",
        ("schedule.time_zone", "schedule.on"),
        schedule_checks.zone_and_windows,
        {
            "allOf": [
                _if(_given("schedule.time_zone", _TEXT), _WINDOWS),
                _if(_WINDOWS, _given("schedule.time_zone", _TEXT)),
            ]
        },
    ),
    Rule(
        "schedule.time_zone is one of the IANA time zone database",
        ("schedule.time_zone",),
        schedule_checks.unknown_zone,
    ),
    Rule(
        "a window of schedule.on stops at another time than it starts",
        ("schedule.on",),
        schedule_checks.empty_windows,
    ),
    Rule(
        "no two windows of schedule.on overlap",
        ("schedule.on",),
        schedule_checks.overlapping_windows,
    ),
    Rule(
        "the windows of schedule.on are not the whole week",
        ("schedule.on",),
        schedule_checks.never_stops,
    ),
    Rule(
        "rotation.every_days, rotation.time_zone and rotation.on are given together",
        ("rotation.every_days", "rotation.time_zone", "rotation.on"),
        schedule_checks.rotation_is_whole,
        {
            "allOf": [
                _if(_ROTATES, _ROTATION_WINDOWS),
                _if(_ROTATION_WINDOWS, _given("rotation.time_zone", _TEXT)),
                _if(_ROTATION_WINDOWS, _ROTATES),
                _if(_given("rotation.time_zone", _TEXT), _ROTATES),
            ]
        },
    ),
    Rule(
        "rotation.time_zone is one of the IANA time zone database",
        ("rotation.time_zone",),
        schedule_checks.rotation_zone,
    ),
    Rule(
        "the windows of rotation.on last an hour or more, overlap nowhere, and leave a gap",
        ("rotation.on",),
        schedule_checks.rotation_windows,
    ),
    Rule(
        "rotation.every_days needs update.strategy 'beside'",
        ("rotation.every_days", "update.strategy"),
        schedule_checks.rotation_replaces,
        _if(_ROTATES, {"not": _given("update.strategy", {"const": "replace"})}),
    ),
    Rule(
        "engine.on_cpu needs instance.gpu to be false",
        ("engine.on_cpu", "instance.gpu"),
        checks.cpu_engine_on_gpu,
        _if(_ON_CPU, _given("instance.gpu", {"const": False})),
    ),
    Rule(
        "engine.on_cpu needs an image that is a CPU build",
        ("engine.on_cpu", "engine.image", "instance.gpu"),
        checks.gpu_image_on_cpu,
        _if(_ON_CPU, _given("engine.image", {"not": {"pattern": f"^{checks.OFFICIAL_IMAGE}"}})),
    ),
    Rule(
        "instance.type is left out where instance.types is given",
        ("instance.type", "instance.types"),
        checks.type_beside_types,
        _if(
            _given("instance.types", {"minItems": 1}),
            {"properties": {"instance": {"properties": {"type": {"const": DEFAULT_TYPE}}}}},
        ),
    ),
    Rule(
        "market 'capacity-block' needs instance.capacity_reservation",
        ("instance.market", "instance.capacity_reservation"),
        checks.block_without_reservation,
        _if(
            _given("instance.market", {"const": "capacity-block"}),
            _given("instance.capacity_reservation", _TEXT),
        ),
    ),
    Rule(
        "vllm/vllm-openai knows the tool call parser",
        ("engine.tool_call_parser", "engine.image"),
        checks.tool_parser,
        _if(
            {"allOf": [_given("engine.tool_call_parser", _TEXT), _OFFICIAL_IMAGE]},
            _given("engine.tool_call_parser", {"enum": list(tool_parsers.NAMES)}),
        ),
    ),
    # Reads no key: it skips words that the schema refuses, so that one of them hides no other. So
    # do the two other rules about single items.
    Rule(
        "engine.arguments holds flags in full, none that another key or the gateway decides",
        (),
        checks.arguments,
    ),
    Rule(
        "certificate.own_parameter is given with challenge 'own', and only then",
        ("certificate.challenge", "certificate.own_parameter"),
        checks.own_certificate,
        {
            "allOf": [
                _if(
                    _given("certificate.challenge", {"const": "own"}),
                    _given("certificate.own_parameter", _TEXT),
                ),
                _if(
                    _given("certificate.own_parameter", _TEXT),
                    _given("certificate.challenge", {"const": "own"}),
                ),
            ]
        },
    ),
    Rule(
        "challenges 'http-01' and 'own' need dns.domain",
        ("certificate.challenge", "dns.domain"),
        checks.certificate_for_a_name,
        _if(_given("certificate.challenge", {"enum": ["http-01", "own"]}), _DOMAIN),
    ),
    Rule(
        "challenge 'http-01' needs a network that is open to every address",
        ("certificate.challenge", "network.allowed_cidrs"),
        checks.http_challenge,
        _if(
            _given("certificate.challenge", {"const": "http-01"}),
            {
                "properties": {
                    "network": {
                        "properties": {"allowed_cidrs": {"contains": {"const": _EVERY_ADDRESS}}}
                    }
                }
            },
        ),
    ),
    Rule(
        "a range in network.allowed_cidrs has no host bits",
        (),
        checks.host_bits,
    ),
    Rule("no two tags differ only in case", (), checks.tags_alike),
    Rule(
        "a parameter under /lamplighter/ is one of this deployment's",
        ("name", "engine.hf_token_parameter", "certificate.own_parameter"),
        checks.anothers_secret,
    ),
)
