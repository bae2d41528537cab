"""The sections of a specification but for the engine's and the gateway's."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.spec import hints
from orchestrator.spec.patterns import (
    DOMAIN,
    HOST_LABEL,
    INSTANCE_TYPE,
    PARAMETER,
    RANGE,
    VPC_RANGE,
    ZONE,
)
from orchestrator.spec.schema.fields import option, sections

DEFAULT_TYPE = "g6.xlarge"


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
        60, about="time to live of the A record", type="integer", minimum=5, maximum=3600
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
        """Return whether any address may reach the endpoint."""
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
        DEFAULT_TYPE,
        about="EC2 instance type",
        type="string",
        pattern=INSTANCE_TYPE,
        examples=["g6.xlarge"],
    )
    types: tuple[str, ...] = option(
        [],
        about="instead of instance.type: several types, the preferred one first",
        type="array",
        items={"type": "string", "pattern": INSTANCE_TYPE, "examples": ["g6.xlarge"]},
        maxItems=5,
        uniqueItems=True,
        examples=[["g6.xlarge", "g5.xlarge"]],
    )
    zones: tuple[str, ...] = option(
        [],
        about="availability zones to launch in, the preferred one first; empty: all that offer the "
        "type",
        type="array",
        items={"type": "string", "pattern": ZONE, "examples": ["us-east-1a"]},
        maxItems=6,
        uniqueItems=True,
        examples=[["us-east-1a", "us-east-1b"]],
    )
    ami: str | None = option(
        None,
        about="image id; without it the newest Ubuntu image, with GPU drivers when gpu is true",
        type=["string", "null"],
        pattern=r"ami-[0-9a-f]{8,17}",
        examples=["ami-0123456789abcdef0"],
    )
    ubuntu: str = option("24.04", about="Ubuntu release", enum=["22.04", "24.04"])
    market: str = option(
        "on-demand",
        about="how to buy it; spot-then-on-demand: on-demand where no pool has spot capacity",
        enum=["on-demand", "spot", "spot-then-on-demand", "capacity-block"],
    )
    capacity_reservation: str | None = option(
        None,
        about="capacity reservation that is used first; with market capacity-block: the block",
        type=["string", "null"],
        pattern=r"cr-[0-9a-f]{8,17}",
        examples=["cr-0123456789abcdef0"],
    )
    wait_minutes: int = option(
        30,
        about="how long a provision asks again where no pool has capacity; 0: every pool once",
        type="integer",
        minimum=0,
        maximum=1440,
    )
    repair_wait_hours: int = option(
        24, about="the same for a repair, hours", type="integer", minimum=0, maximum=72
    )
    root_volume_gib: int = option(
        150, about="encrypted gp3 root volume, GiB", type="integer", minimum=30, maximum=16384
    )

    @property
    def preferred_types(self) -> tuple[str, ...]:
        """Return the instance types that may serve, the preferred one first."""
        return self.types or (self.type,)


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
class Budget:
    """What a calendar month (UTC) may cost before a notice is sent, or the deployment stopped."""

    monthly_usd: float | None = option(
        None,
        about="US dollars a month: a notice at 80 % and one at 100 %",
        type=["number", "null"],
        minimum=1,
        maximum=1_000_000,
        examples=[500],
    )
    at_limit: str = option(
        "notify",
        about="what happens at 100 % besides the notice; stop: as `lamplighter stop` does",
        enum=["notify", "stop"],
    )


@dataclass(frozen=True, slots=True)
class Sleep:
    """When a deployment that is not used sleeps: a request with an API key wakes it."""

    after_idle_minutes: int | None = option(
        None,
        about="minutes without an inference request after which its instance is stopped until the "
        "next one; null: never",
        type=["integer", "null"],
        minimum=5,
        maximum=10080,
        examples=[30],
    )
    by_name: bool = option(
        True,
        about="with after_idle_minutes and dns.domain: while it sleeps its name leads to the waker "
        "(certificate of ACM, domain name of API Gateway); false: only WakeUrl wakes it",
        type="boolean",
    )


@dataclass(frozen=True, slots=True)
class Update:
    """How a host of a change follows the one that serves."""

    strategy: str = option(
        "beside",
        about="beside: the new host of a change serves before the old one ends; replace: the old "
        "one ends first, for an account without quota for two, with an outage until the new one "
        "serves",
        enum=["beside", "replace"],
    )


@dataclass(frozen=True, slots=True)
class Prompt:
    """A golden prompt, and what its answer has to be like."""

    prompt: str = option(
        about="what is asked", type="string", maxLength=2000, examples=["What is 2 + 2?"]
    )
    contains: str | None = option(
        None,
        about="text that the answer must contain, in any case; null: any text will do",
        type=["string", "null"],
        maxLength=200,
        examples=["4"],
    )
    max_seconds: int = option(
        15, about="until the whole answer is there", type="integer", minimum=1, maximum=40
    )


@dataclass(frozen=True, slots=True)
class Canary:
    """What the new host of a change has to do before the old one ends."""

    prompts: tuple[Prompt, ...] = sections(
        Prompt,
        about="prompts that the new host of a change must answer before traffic moves to it, 64 "
        "tokens each; empty: two short ones, any answer to which will do",
        maxItems=5,
        examples=[[{"prompt": "What is 2 + 2?", "contains": "4"}]],
    )
    max_error_percent: float | None = option(
        20,
        about="share of its requests, %, that the new host of a change may fail while the old one "
        "drains: with more, of 20 or more, the old one is taken back; null: any share",
        type=["number", "null"],
        minimum=0,
        maximum=100,
        examples=[5],
    )
