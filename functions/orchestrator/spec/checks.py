"""What is wrong with several keys of a specification together, or with items of one list.

Each function yields (path, sentence) per contradiction; rules.py names the keys that it reads.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator

from orchestrator.masking import join, shown
from orchestrator.spec import engine_arguments, tool_parsers
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.gateway import checks as gateway_checks
from orchestrator.spec.patterns import RANGE, TAG_KEY
from orchestrator.spec.sections import DEFAULT_TYPE

Found = Iterator[tuple[str, str]]

OFFICIAL_IMAGE = r"vllm/vllm-openai[:@]"
MOST_CANARY_SECONDS = 45  # less than a function has


def zone_without_domain(spec: Deployment) -> Found:
    if spec.dns.zone_id and not spec.dns.domain:
        yield "dns.zone_id", "given without dns.domain; name the domain too, e.g. example.com"


def subdomain_without_domain(spec: Deployment) -> Found:
    if spec.dns.subdomain != "infer" and not spec.dns.domain:
        yield "dns.subdomain", "given without dns.domain; name the domain too, e.g. example.com"


def same_port(spec: Deployment) -> Found:
    if spec.gateway.port == spec.engine.port:
        yield "gateway.port", f"{spec.gateway.port} is engine.port too; choose two different ports"


def timeouts(spec: Deployment) -> Found:
    least, most = spec.gateway.default_timeout_seconds, spec.gateway.max_timeout_seconds
    if most < least:
        yield (
            "gateway.max_timeout_seconds",
            f"{most} is smaller than gateway.default_timeout_seconds, {least}; raise it",
        )


def canary_seconds(spec: Deployment) -> Found:
    together = sum(each.max_seconds for each in spec.canary.prompts)
    if together > MOST_CANARY_SECONDS:
        yield (
            "canary.prompts",
            f"max_seconds are {together} together; allowed: up to {MOST_CANARY_SECONDS} together",
        )


def cpu_engine_on_gpu(spec: Deployment) -> Found:
    if spec.engine.on_cpu and spec.instance.gpu:
        yield (
            "engine.on_cpu",
            "instance.gpu is true; set it to false, or leave engine.on_cpu out",
        )


def gpu_image_on_cpu(spec: Deployment) -> Found:
    if spec.engine.on_cpu and not spec.instance.gpu and re.match(OFFICIAL_IMAGE, spec.engine.image):
        yield (
            "engine.image",
            f"{spec.engine.image} needs a GPU; with engine.on_cpu name a CPU build",
        )


def type_beside_types(spec: Deployment) -> Found:
    one, several = spec.instance.type, spec.instance.types
    if several and one != DEFAULT_TYPE:
        yield "instance.type", f"given beside instance.types; move {one} into that list"


def block_without_reservation(spec: Deployment) -> Found:
    if spec.instance.market == "capacity-block" and not spec.instance.capacity_reservation:
        yield (
            "instance.capacity_reservation",
            "missing; market 'capacity-block' launches into it, e.g. cr-0123456789abcdef0",
        )


def tool_parser(spec: Deployment) -> Found:
    chosen = spec.engine.tool_call_parser
    if (
        chosen is None
        or chosen in tool_parsers.NAMES
        or not re.match(OFFICIAL_IMAGE, spec.engine.image)
    ):
        return
    near = difflib.get_close_matches(chosen, tool_parsers.NAMES, n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"allowed: {', '.join(tool_parsers.NAMES)}"
    )
    yield "engine.tool_call_parser", f"vLLM 0.32 has no parser {shown(chosen)}; {hint}"


def arguments(spec: Deployment) -> Found:
    yield from engine_arguments.problems(spec.engine.arguments)


def own_certificate(spec: Deployment) -> Found:
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


def certificate_for_a_name(spec: Deployment) -> Found:
    """The default, dns-01, needs nothing: without a domain the host signs its own."""
    chosen = spec.certificate.challenge
    if chosen in {"http-01", "own"} and not spec.dns.domain:
        yield "certificate.challenge", f"{chosen!r} certifies a domain name; set dns.domain too"


def http_challenge(spec: Deployment) -> Found:
    if spec.certificate.challenge == "http-01" and not spec.network.is_open:
        yield (
            "certificate.challenge",
            "'http-01' needs port 80 open to every address; choose 'dns-01', or allow 0.0.0.0/0",
        )


def host_bits(spec: Deployment) -> Found:
    for number, text in enumerate(spec.network.allowed_cidrs):
        if not _fits(RANGE, text):
            continue
        network = ipaddress.IPv4Network(text, strict=False)
        if str(network) != text:
            path = f"network.allowed_cidrs[{number}]"
            yield path, f"{text!r} is not an IPv4 range as AWS writes it; write {network}"


def tags_alike(spec: Deployment) -> Found:
    seen: dict[str, str] = {}
    for key in (key for key, _ in spec.tags if _fits(TAG_KEY, key)):
        other = seen.setdefault(key.lower(), key)
        if other != key:
            yield join("tags", key), f"differs from {shown(other)} only in case; keep one of them"


def _fits(pattern: str, item: object) -> bool:
    """Return whether one item of a list or mapping fits; the schema refuses the others."""
    return isinstance(item, str) and bool(re.fullmatch(pattern, item))


def anothers_secret(spec: Deployment) -> Found:
    """A host reads what is named here and passes it to an image of the caller's choice."""
    for path, text in (
        ("engine.hf_token_parameter", spec.engine.hf_token_parameter),
        ("certificate.own_parameter", spec.certificate.own_parameter),
        *gateway_checks.keys_of_fallbacks(spec.gateway),
    ):
        ours = f"/lamplighter/{spec.name}/"
        if text and not text.startswith(("/inference/", ours)):
            yield (
                path,
                f"{shown(text)} is another deployment's; allowed: under /inference/ or {ours}",
            )
