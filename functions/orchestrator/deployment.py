"""What the operator asked for, as one immutable value.

    Deployment.parse({"name": "prod", "model": "Qwen/Qwen2.5-7B-Instruct"})

Every key, its default and its limits: spec.schema.json (generated from this file) and README.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from orchestrator import engine_arguments, hints
from orchestrator.contradictions import RULES, contradictions
from orchestrator.errors import InvalidRequest
from orchestrator.patterns import (
    DOMAIN,
    HOST_LABEL,
    MODEL,
    NAME,
    PARAMETER,
    RANGE,
    TAG_KEY,
    VPC_RANGE,
)
from orchestrator.schema import Problem, describe, option, parse, plain, section

MAX_SPEC_BYTES = 32_768
# The newest release that tests/vllm runs too (twin/engines/vllm.py: VERSION).
DEFAULT_ENGINE_IMAGE = "vllm/vllm-openai:v0.32.0"
# Values end up in deployment.env, which bash and systemd quote differently: a safe alphabet only.
_WORD = r"[A-Za-z0-9_./:@+=-]+"


@dataclass(frozen=True, slots=True)
class Dns:
    """The public name; without a domain the endpoint is the Elastic IP."""

    domain: str | None = option(
        None,
        about="domain of a Route53 public hosted zone",
        type=["string", "null"],
        hint=hints.domain,
        pattern=DOMAIN,
        maxLength=173,  # 253, less the longest subdomain and `_acme-challenge.`
        examples=["example.com"],
    )
    subdomain: str = option(
        "infer",
        about="host label in front of the domain, without dots",
        type="string",
        pattern=HOST_LABEL,
        examples=["infer"],
    )
    zone_id: str | None = option(
        None,
        about="hosted zone id; without it the zone is looked up by name",
        type=["string", "null"],
        pattern=r"Z[A-Z0-9]{1,31}",
        examples=["Z0123456789ABCDEFGHIJ"],
    )
    ttl_seconds: int = option(
        60, about="time to live of the A record", type="integer", minimum=30, maximum=3600
    )


@dataclass(frozen=True, slots=True)
class Network:
    """The VPC: public subnets hold the instance, private ones are reserved for expansion."""

    cidr: str = option(
        "10.0.0.0/16",
        about="private IPv4 range of the VPC, /16 to /20",
        hint=hints.vpc_range,
        type="string",
        pattern=VPC_RANGE,
        examples=["10.0.0.0/16"],
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
        hint=hints.address_range,
        type="array",
        items={"type": "string", "pattern": RANGE, "examples": ["203.0.113.0/24"]},
        minItems=1,
        maxItems=25,
        uniqueItems=True,
        examples=[["203.0.113.0/24"]],
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
        "g6.xlarge",
        about="EC2 instance type",
        type="string",
        pattern=r"[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}",
        examples=["g6.xlarge"],
    )
    ami: str | None = option(
        None,
        about="image id; without it the newest Ubuntu image, with GPU drivers when gpu is true",
        type=["string", "null"],
        pattern=r"ami-[0-9a-f]{8,17}",
        examples=["ami-0123456789abcdef0"],
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
        maxLength=400,
        examples=["vllm/vllm-openai:v0.32.0"],
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
        about="turns on tool calls: the model's format, e.g. hermes, llama3_json, mistral",
        type=["string", "null"],
        pattern=r"[a-z0-9_-]{1,40}",
        examples=["hermes"],
    )
    port: int = option(
        8000, about="loopback port of the engine", type="integer", minimum=1024, maximum=65535
    )
    hf_token_parameter: str | None = option(
        None,
        about="SSM SecureString with a Hugging Face token, under /inference/ or /lamplighter/NAME/",
        hint=hints.parameter,
        secret=True,
        type=["string", "null"],
        pattern=PARAMETER,
        maxLength=500,
        examples=["/inference/hf-token"],
    )
    arguments: tuple[str, ...] = option(
        [],
        about="further flags of `vllm serve`, one word each, e.g. --max-num-seqs, 64; "
        "JSON in vLLM's dotted form: --speculative-config.num_speculative_tokens=3",
        type="array",
        items={
            "type": "string",
            "pattern": engine_arguments.ALPHABET,
            "examples": ["--max-num-seqs"],
        },
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
        maxLength=500,
        examples=["https://acme-staging-v02.api.letsencrypt.org/directory"],
    )
    own_parameter: str | None = option(
        None,
        about="SSM SecureString with your own certificate chain and key, PEM, "
        "under /inference/ or /lamplighter/NAME/",
        hint=hints.parameter,
        secret=True,
        type=["string", "null"],
        pattern=PARAMETER,
        maxLength=500,
        examples=["/inference/certificate"],
    )


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment; its name is the identity that every resource is tagged with."""

    name: str = option(
        about="3 to 24 characters: lower case letters, digits, hyphens; starts with a letter",
        type="string",
        hint=hints.name,
        pattern=NAME,
        examples=["prod"],
    )
    model: str = option(
        about="Hugging Face model id (owner/name), or an absolute path on the instance",
        hint=hints.model,
        type="string",
        pattern=MODEL,
        maxLength=200,
        examples=["Qwen/Qwen2.5-7B-Instruct"],
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
        pattern=r"[A-Za-z0-9._+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,63}",
        maxLength=254,
        examples=["ops@example.com"],
    )
    tags: tuple[tuple[str, str], ...] = option(
        {},
        about="put on every resource",
        type="object",
        propertyNames={
            "description": "1 to 128 of letters, digits, spaces and _.:/=+@-; Name, aws:... and "
            "lamplighter:... are set for you",
            "type": "string",
            "pattern": TAG_KEY,
            "examples": ["team"],
        },
        additionalProperties={
            "description": "letters, digits, spaces and _.:/=+@-",
            "type": "string",
            "pattern": r"[A-Za-z0-9_ .:/=+@-]{0,256}",
            "examples": ["ml-platform"],
        },
        maxProperties=40,
        examples=[{"team": "ml-platform"}],
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
        if _bytes(document) > MAX_SPEC_BYTES:
            raise InvalidRequest(f"the specification is larger than {MAX_SPEC_BYTES} bytes")
        problems: list[Problem] = []
        deployment: Self = parse(cls, document, "", problems)
        problems += contradictions(deployment, [problem.path for problem in problems])
        if problems:
            raise InvalidRequest("\n".join(map(str, problems)))
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
    unchecked = [rule.about for rule in RULES if rule.schema is None]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:lamplighter:deployment",
        "title": "Lamplighter deployment specification",
        "description": "What `lamplighter up` takes, as YAML or JSON. "
        f"What a JSON Schema cannot say, the workflow checks: {'; '.join(unchecked)}.",
        **describe(Deployment),
        "allOf": [rule.schema for rule in RULES if rule.schema is not None],
    }


def _bytes(document: Any) -> int:
    try:
        return len(json.dumps(document, default=str))
    except RecursionError:
        raise InvalidRequest("the specification is nested too deeply") from None
