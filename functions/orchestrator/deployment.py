"""What the operator asked for, as one immutable value.

    Deployment.parse({"name": "prod", "model": "Qwen/Qwen2.5-7B-Instruct"})

Every key, its default and its limits: spec.schema.json (generated from this file) and README.md.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from orchestrator import engine_arguments
from orchestrator.errors import InvalidRequest
from orchestrator.schema import describe, option, parse, plain, section

MAX_SPEC_BYTES = 32_768
# The newest release that tests/vllm runs too (cli/lamplighter/local/vllm.py: VERSION).
DEFAULT_ENGINE_IMAGE = "vllm/vllm-openai:v0.32.0"
# Values end up in deployment.env, which bash and systemd quote differently: a safe alphabet only.
_WORD = r"[A-Za-z0-9_./:@+=-]+"
_PRIVATE = [
    ipaddress.IPv4Network(whole) for whole in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
]
_DOCKER = ipaddress.IPv4Network("172.17.0.0/16")
_RESERVED = ("aws:", "lamplighter:")
_MAX_TAG_KEY = 128
_HOST_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


@dataclass(frozen=True, slots=True)
class Dns:
    """The public name; without a domain the endpoint is the Elastic IP."""

    domain: str | None = option(
        None,
        about="domain of a Route53 public hosted zone, e.g. example.com",
        type=["string", "null"],
        pattern=rf"({_HOST_LABEL}\.)+[a-z]{{2,63}}",
    )
    subdomain: str = option(
        "infer",
        about="host label in front of the domain",
        type="string",
        pattern=_HOST_LABEL,
    )
    zone_id: str | None = option(
        None,
        about="hosted zone id; without it the zone is looked up by name",
        type=["string", "null"],
        pattern=r"Z[A-Z0-9]{1,31}",
    )
    ttl_seconds: int = option(
        60, about="time to live of the A record", type="integer", minimum=30, maximum=3600
    )


@dataclass(frozen=True, slots=True)
class Network:
    """The VPC: public subnets hold the instance, private ones are reserved for expansion."""

    cidr: str = option(
        "10.0.0.0/16", about="private IPv4 range of the VPC, /16 to /20", type="string"
    )
    zones: int = option(
        2, about="availability zones to spread over", type="integer", minimum=1, maximum=3
    )
    nat: str = option(
        "none",
        about="'single' gives the private subnets a NAT gateway, which costs money all day",
        enum=["none", "single"],
    )
    allowed_cidrs: tuple[str, ...] = option(
        ["0.0.0.0/0"],
        about="IPv4 ranges that may reach ports 80 and 443; requests need an API key anyway",
        type="array",
        items={"type": "string"},
        minItems=1,
        maxItems=25,
    )

    @property
    def is_open(self) -> bool:
        """Return whether everybody may reach the endpoint, our own probe included."""
        return "0.0.0.0/0" in self.allowed_cidrs


@dataclass(frozen=True, slots=True)
class Instance:
    """The EC2 instance that serves."""

    gpu: bool = option(
        True,
        about="false: no engine (unless engine.on_cpu), the gateway says 'disabled'",
        type="boolean",
    )
    type: str = option(
        "g6.xlarge", about="EC2 instance type", type="string", pattern=r"[a-z0-9-]+\.[a-z0-9-]+"
    )
    ami: str | None = option(
        None,
        about="image id; without it the newest Ubuntu image, with GPU drivers when gpu is true",
        type=["string", "null"],
        pattern=r"ami-[0-9a-f]{8,17}",
    )
    ubuntu: str = option("24.04", about="Ubuntu release", enum=["22.04", "24.04"])
    market: str = option("on-demand", about="how to buy it", enum=["on-demand", "spot"])
    root_volume_gib: int = option(
        150, about="encrypted gp3 root volume, GiB", type="integer", minimum=30, maximum=16384
    )


@dataclass(frozen=True, slots=True)
class Engine:
    """vLLM and its settings; null leaves a setting to vLLM."""

    on_cpu: bool = option(
        False,
        about="run the engine although instance.gpu is false; engine.image must be a CPU build",
        type="boolean",
    )
    image: str = option(
        DEFAULT_ENGINE_IMAGE,
        about="container image with a tag or digest",
        type="string",
        pattern=rf"{_WORD}[:@]{_WORD}",
    )
    max_model_len: int | None = option(
        None, about="context length, tokens", type=["integer", "null"], minimum=16, maximum=10485760
    )
    gpu_memory_utilization: float = option(
        0.9,
        about="share of GPU memory (with on_cpu: of the machine's); above 0.95 vLLM may run out "
        "of memory at load",
        type="number",
        minimum=0.1,
        maximum=0.98,
    )
    tensor_parallel_size: int = option(
        1, about="GPUs per model copy", type="integer", minimum=1, maximum=16
    )
    pipeline_parallel_size: int = option(
        1, about="pipeline stages", type="integer", minimum=1, maximum=16
    )
    tool_call_parser: str | None = option(
        None,
        about="turns on tool calls, e.g. hermes, llama3_json, mistral, pythonic",
        type=["string", "null"],
        pattern=r"[a-z0-9_-]{1,40}",
    )
    port: int = option(
        8000, about="loopback port of the engine", type="integer", minimum=1024, maximum=65535
    )
    hf_token_parameter: str | None = option(
        None,
        about="SSM SecureString with a Hugging Face token, under /inference/ or /lamplighter/",
        type=["string", "null"],
        pattern=r"/(lamplighter|inference)/[A-Za-z0-9_./-]{1,500}",
    )
    arguments: tuple[str, ...] = option(
        [],
        about="further flags of `vllm serve`, one word each, e.g. --max-num-seqs, 64; "
        "JSON in vLLM's dotted form: --speculative-config.num_speculative_tokens=3",
        type="array",
        items={"type": "string", "pattern": engine_arguments.ALPHABET},
        maxItems=engine_arguments.MAX_WORDS,
    )

    @property
    def gpus(self) -> int:
        """Return how many GPUs the engine uses."""
        copies = engine_arguments.data_parallel_size(self.arguments)
        return self.tensor_parallel_size * self.pipeline_parallel_size * copies


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


@dataclass(frozen=True, slots=True)
class Certificate:
    """How the endpoint proves its name; without dns.domain it signs its own certificate."""

    challenge: str = option(
        "dns-01",
        about="how an authority sees that the name is ours; own: from own_parameter",
        enum=["dns-01", "http-01", "own", "self-signed"],
    )
    directory: str = option(
        "https://acme-v02.api.letsencrypt.org/directory",
        about="ACME directory of the certificate authority",
        type="string",
        pattern=r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[A-Za-z0-9./_-]*",
    )
    own_parameter: str | None = option(
        None,
        about="SSM SecureString with your own certificate chain and key, PEM, under /lamplighter/",
        type=["string", "null"],
        pattern=r"/lamplighter/[A-Za-z0-9_./-]{1,500}",
    )


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment; its name is the identity that every resource is tagged with."""

    name: str = option(
        about="3 to 24 characters: lower case letters, digits, hyphens; starts with a letter",
        type="string",
        pattern=r"[a-z][a-z0-9-]{1,22}[a-z0-9]",
    )
    model: str = option(
        about="Hugging Face model id or a path on the instance",
        type="string",
        pattern=rf"{_WORD}",
    )
    on_failure: str = option(
        "rollback",
        about="what a failed first provision does with what it made",
        enum=["rollback", "keep"],
    )
    email: str | None = option(
        None,
        about="contact for the certificate authority",
        type=["string", "null"],
        pattern=r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+",
    )
    tags: tuple[tuple[str, str], ...] = option(
        {},
        about="put on every resource",
        type="object",
        additionalProperties={"type": "string", "pattern": r"[\w .:/=+@-]{0,256}"},
        maxProperties=40,
    )
    dns: Dns = section(Dns, about="public name")
    network: Network = section(Network, about="VPC")
    instance: Instance = section(Instance, about="EC2 instance")
    engine: Engine = section(Engine, about="vLLM")
    gateway: Gateway = section(Gateway, about="OpenAI API")
    certificate: Certificate = section(Certificate, about="TLS certificate")

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Raise InvalidRequest with one line per problem: path, what is wrong, what is allowed."""
        if len(json.dumps(document, default=str)) > MAX_SPEC_BYTES:
            raise InvalidRequest(f"the specification is larger than {MAX_SPEC_BYTES} bytes")
        problems: list[str] = []
        deployment: Self = parse(cls, document, "", problems)
        problems += [] if problems else _contradictions(deployment)
        problems += _bad_arguments(document)
        if problems:
            raise InvalidRequest("\n".join(problems))
        return deployment

    def document(self) -> dict[str, Any]:
        """Return the specification with every default filled in, as JSON types."""
        return {**plain(self), "tags": dict(self.tags)}

    @property
    def host(self) -> str | None:
        """The public DNS name, or None when the endpoint is an IP address."""
        return f"{self.dns.subdomain}.{self.dns.domain}" if self.dns.domain else None

    @property
    def engine_kind(self) -> str:
        """What the engine runs on: gpu, cpu, or none when there is no engine."""
        if self.instance.gpu:
            return "gpu"
        return "cpu" if self.engine.on_cpu else "none"


def schema() -> dict[str, Any]:
    """Return the specification's JSON Schema (what spec.schema.json holds)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lamplighter deployment",
        **describe(Deployment),
    }


def _contradictions(spec: Deployment) -> Iterator[str]:
    """Yield what no single key shows."""
    yield from _bad_vpc_range(spec.network.cidr)
    for number, cidr in enumerate(spec.network.allowed_cidrs):
        yield from _bad_cidr(f"network.allowed_cidrs[{number}]", cidr)
    for key, _ in spec.tags:
        if key.lower().startswith(_RESERVED) or not 1 <= len(key) <= _MAX_TAG_KEY:
            yield (
                f"tags.{key}: reserved or too long; "
                f"allowed: 1 to {_MAX_TAG_KEY} characters, not {' or '.join(_RESERVED)}"
            )
    if spec.dns.zone_id and not spec.dns.domain:
        yield "dns.zone_id: given without dns.domain; name the domain too"
    if spec.gateway.port == spec.engine.port:
        yield f"gateway.port: {spec.gateway.port} is engine.port too; choose two different ports"
    if spec.gateway.max_timeout_seconds < spec.gateway.default_timeout_seconds:
        yield "gateway.max_timeout_seconds: smaller than gateway.default_timeout_seconds"
    yield from _bad_engine(spec)
    yield from _bad_certificate(spec)


def _bad_arguments(document: Any) -> Iterator[str]:
    """Yield what is wrong with engine.arguments, beside whatever else is wrong elsewhere."""
    engine = document.get("engine") if isinstance(document, dict) else None
    words = engine.get("arguments") if isinstance(engine, dict) else None
    if isinstance(words, list):
        yield from engine_arguments.problems(words)


def _bad_engine(spec: Deployment) -> Iterator[str]:
    if not spec.engine.on_cpu:
        return
    if spec.instance.gpu:
        yield "engine.on_cpu: instance.gpu is true; set it to false, or leave engine.on_cpu out"
    elif re.match(r"vllm/vllm-openai[:@]", spec.engine.image):
        yield f"engine.image: {spec.engine.image} needs a GPU; with engine.on_cpu name a CPU build"


def _bad_certificate(spec: Deployment) -> Iterator[str]:
    """The default, dns-01, needs nothing: without a domain the host signs its own."""
    chosen, own = spec.certificate.challenge, spec.certificate.own_parameter
    if chosen == "own" and not own:
        yield "certificate.own_parameter: missing; challenge 'own' takes the certificate from there"
    if chosen != "own" and own:
        yield f"certificate.own_parameter: given with challenge {chosen!r}; set challenge to 'own'"
    if chosen in {"http-01", "own"} and not spec.dns.domain:
        yield f"certificate.challenge: {chosen!r} is for a name; set dns.domain too"
    if chosen == "http-01" and not spec.network.is_open:
        yield (
            "certificate.challenge: 'http-01' needs port 80 open to everybody; "
            "choose 'dns-01', or put 0.0.0.0/0 into network.allowed_cidrs"
        )


def _bad_vpc_range(cidr: str) -> Iterator[str]:
    problems = list(_bad_cidr("network.cidr", cidr))
    yield from problems
    if problems:
        return
    network = ipaddress.IPv4Network(cidr)
    private = any(network.subnet_of(whole) for whole in _PRIVATE)
    if not private or not 16 <= network.prefixlen <= 20:  # noqa: PLR2004
        yield f"network.cidr: {cidr!r} is not allowed; allowed: a private range from /16 to /20"
    if network.overlaps(_DOCKER):
        yield f"network.cidr: {cidr!r} overlaps {_DOCKER}, which Docker uses on the instance"


def _bad_cidr(path: str, cidr: str) -> Iterator[str]:
    try:
        plain_form = str(ipaddress.IPv4Network(cidr))
    except ValueError as error:
        yield f"{path}: {cidr!r} is not an IPv4 range ({error}); allowed: e.g. 203.0.113.0/24"
        return
    if plain_form != cidr:
        yield f"{path}: {cidr!r} is not an IPv4 range as AWS writes it; write {plain_form}"
