"""Rules that join several keys of a specification.

Each names the keys that it reads, so that it is left out where one of them is wrong already, and
says in JSON Schema what it checks, or in words why spec.schema.json cannot hold it.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator import engine_arguments, tool_parsers
from orchestrator.masking import join, shown
from orchestrator.patterns import RANGE, TAG_KEY
from orchestrator.schema import Problem, Schema

if TYPE_CHECKING:
    from orchestrator.deployment import Deployment

Found = Iterator[tuple[str, str]]

_OFFICIAL = r"vllm/vllm-openai[:@]"
_EVERYBODY = "0.0.0.0/0"
_TEXT: Schema = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Rule:
    """check: yields (path, sentence) per contradiction. about: the rule in words."""

    about: str
    reads: tuple[str, ...]
    check: Callable[[Deployment], Found]
    schema: Schema | None = None


def contradictions(spec: Deployment, wrong: Iterable[str]) -> list[Problem]:
    """Return what no single key shows; `wrong` are the paths whose values are refused already."""
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


def _zone_without_domain(spec: Deployment) -> Found:
    if spec.dns.zone_id and not spec.dns.domain:
        yield "dns.zone_id", "given without dns.domain; name the domain too, e.g. example.com"


def _subdomain_without_domain(spec: Deployment) -> Found:
    if spec.dns.subdomain != "infer" and not spec.dns.domain:
        yield "dns.subdomain", "given without dns.domain; name the domain too, e.g. example.com"


def _same_port(spec: Deployment) -> Found:
    if spec.gateway.port == spec.engine.port:
        yield "gateway.port", f"{spec.gateway.port} is engine.port too; choose two different ports"


def _timeouts(spec: Deployment) -> Found:
    least, most = spec.gateway.default_timeout_seconds, spec.gateway.max_timeout_seconds
    if most < least:
        yield (
            "gateway.max_timeout_seconds",
            f"{most} is smaller than gateway.default_timeout_seconds, {least}; raise it",
        )


def _cpu_engine_on_gpu(spec: Deployment) -> Found:
    if spec.engine.on_cpu and spec.instance.gpu:
        yield (
            "engine.on_cpu",
            "instance.gpu is true; set it to false, or leave engine.on_cpu out",
        )


def _gpu_image_on_cpu(spec: Deployment) -> Found:
    if spec.engine.on_cpu and not spec.instance.gpu and re.match(_OFFICIAL, spec.engine.image):
        yield (
            "engine.image",
            f"{spec.engine.image} needs a GPU; with engine.on_cpu name a CPU build",
        )


def _tool_parser(spec: Deployment) -> Found:
    chosen = spec.engine.tool_call_parser
    if chosen is None or chosen in tool_parsers.NAMES or not re.match(_OFFICIAL, spec.engine.image):
        return
    near = difflib.get_close_matches(chosen, tool_parsers.NAMES, n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"allowed: {', '.join(tool_parsers.NAMES)}"
    )
    yield "engine.tool_call_parser", f"vLLM 0.32 has no parser {shown(chosen)}; {hint}"


def _arguments(spec: Deployment) -> Found:
    yield from engine_arguments.problems(spec.engine.arguments)


def _own_certificate(spec: Deployment) -> Found:
    chosen, own = spec.certificate.challenge, spec.certificate.own_parameter
    if chosen == "own" and not own:
        yield (
            "certificate.own_parameter",
            "missing; challenge 'own' takes the certificate from it, e.g. /inference/certificate",
        )
    if chosen != "own" and own:
        yield (
            "certificate.own_parameter",
            f"given with challenge {chosen!r}; set challenge to 'own'",
        )


def _certificate_for_a_name(spec: Deployment) -> Found:
    """The default, dns-01, needs nothing: without a domain the host signs its own."""
    chosen = spec.certificate.challenge
    if chosen in {"http-01", "own"} and not spec.dns.domain:
        yield "certificate.challenge", f"{chosen!r} certifies a domain name; set dns.domain too"


def _http_challenge(spec: Deployment) -> Found:
    if spec.certificate.challenge == "http-01" and not spec.network.is_open:
        yield (
            "certificate.challenge",
            "'http-01' needs port 80 open to everybody; choose 'dns-01', or allow 0.0.0.0/0",
        )


def _host_bits(spec: Deployment) -> Found:
    for number, text in enumerate(spec.network.allowed_cidrs):
        if not _fits(RANGE, text):
            continue
        network = ipaddress.IPv4Network(text, strict=False)
        if str(network) != text:
            path = f"network.allowed_cidrs[{number}]"
            yield path, f"{text!r} is not an IPv4 range as AWS writes it; write {network}"


def _tags_alike(spec: Deployment) -> Found:
    seen: dict[str, str] = {}
    for key in (key for key, _ in spec.tags if _fits(TAG_KEY, key)):
        other = seen.setdefault(key.lower(), key)
        if other != key:
            yield join("tags", key), f"differs from {shown(other)} only in case; keep one of them"


def _fits(pattern: str, item: object) -> bool:
    """Return whether an item of a list or mapping, which may hold wrong ones too, is right."""
    return isinstance(item, str) and bool(re.fullmatch(pattern, item))


def _anothers_secret(spec: Deployment) -> Found:
    """A host reads what is named here and passes it to an image of the caller's choice."""
    for path, text in (
        ("engine.hf_token_parameter", spec.engine.hf_token_parameter),
        ("certificate.own_parameter", spec.certificate.own_parameter),
    ):
        ours = f"/lamplighter/{spec.name}/"
        if text and not text.startswith(("/inference/", ours)):
            yield (
                path,
                f"{shown(text)} is another deployment's; allowed: under /inference/ or {ours}",
            )


_ON_CPU = _given("engine.on_cpu", {"const": True})
_DOMAIN = _given("dns.domain", _TEXT)
_OFFICIAL_IMAGE = {
    "properties": {"engine": {"properties": {"image": {"pattern": f"^{_OFFICIAL}"}}}}
}

RULES = (
    Rule(
        "dns.zone_id needs dns.domain",
        ("dns.zone_id", "dns.domain"),
        _zone_without_domain,
        _if(_given("dns.zone_id", _TEXT), _DOMAIN),
    ),
    Rule(
        "dns.subdomain needs dns.domain",
        ("dns.subdomain", "dns.domain"),
        _subdomain_without_domain,
        _if(_given("dns.subdomain", {"not": {"const": "infer"}}), _DOMAIN),
    ),
    Rule(
        "gateway.port and engine.port differ",
        ("gateway.port", "engine.port"),
        _same_port,
    ),
    Rule(
        "gateway.max_timeout_seconds is no less than gateway.default_timeout_seconds",
        ("gateway.max_timeout_seconds", "gateway.default_timeout_seconds"),
        _timeouts,
    ),
    Rule(
        "engine.on_cpu needs instance.gpu to be false",
        ("engine.on_cpu", "instance.gpu"),
        _cpu_engine_on_gpu,
        _if(_ON_CPU, _given("instance.gpu", {"const": False})),
    ),
    Rule(
        "engine.on_cpu needs an image that is a CPU build",
        ("engine.on_cpu", "engine.image", "instance.gpu"),
        _gpu_image_on_cpu,
        _if(_ON_CPU, _given("engine.image", {"not": {"pattern": f"^{_OFFICIAL}"}})),
    ),
    Rule(
        "vllm/vllm-openai knows the tool call parser",
        ("engine.tool_call_parser", "engine.image"),
        _tool_parser,
        _if(
            {"allOf": [_given("engine.tool_call_parser", _TEXT), _OFFICIAL_IMAGE]},
            _given("engine.tool_call_parser", {"enum": list(tool_parsers.NAMES)}),
        ),
    ),
    # Reads no key: a word that breaks the alphabet is left out there, and hides no other word. So
    # do the two other rules about single items.
    Rule(
        "engine.arguments holds flags in full, none that another key or the gateway decides",
        (),
        _arguments,
    ),
    Rule(
        "certificate.own_parameter is given with challenge 'own', and only then",
        ("certificate.challenge", "certificate.own_parameter"),
        _own_certificate,
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
        _certificate_for_a_name,
        _if(_given("certificate.challenge", {"enum": ["http-01", "own"]}), _DOMAIN),
    ),
    Rule(
        "challenge 'http-01' needs a network that is open to everybody",
        ("certificate.challenge", "network.allowed_cidrs"),
        _http_challenge,
        _if(
            _given("certificate.challenge", {"const": "http-01"}),
            {
                "properties": {
                    "network": {
                        "properties": {"allowed_cidrs": {"contains": {"const": _EVERYBODY}}}
                    }
                }
            },
        ),
    ),
    Rule(
        "a range in network.allowed_cidrs has no host bits",
        (),
        _host_bits,
    ),
    Rule("no two tags differ only in case", (), _tags_alike),
    Rule(
        "a parameter under /lamplighter/ is one of this deployment's",
        ("name", "engine.hf_token_parameter", "certificate.own_parameter"),
        _anothers_secret,
    ),
)
