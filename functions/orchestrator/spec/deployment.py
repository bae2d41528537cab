"""What the operator asked for, as one immutable value; parsing.py makes it from a document.

Every key, its default and its limits: spec.schema.json and, generated too, docs/specification.md.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from orchestrator.spec import hints
from orchestrator.spec.engine import Engine
from orchestrator.spec.gateway.section import Gateway
from orchestrator.spec.patterns import MODEL, NAME, TAG_KEY
from orchestrator.spec.schedule import Rotation, Schedule
from orchestrator.spec.schema.fields import option, plain, section
from orchestrator.spec.sections import (
    Budget,
    Canary,
    Certificate,
    Dns,
    Instance,
    Network,
    Sleep,
    Update,
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
    expires_after: str | None = option(
        None,
        about="how long after its first `up` it is torn down for good, days or hours; null: never",
        type=["string", "null"],
        pattern=r"[1-9][0-9]{0,3}[dh]",
        examples=["14d"],
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
    budget: Budget = section(Budget, about="cost a month")
    sleep: Sleep = section(Sleep, about="rest while it is not used")
    update: Update = section(Update, about="order of hosts in a change")
    canary: Canary = section(Canary, about="test of a change")
    schedule: Schedule = section(Schedule, about="when it runs")
    rotation: Rotation = section(Rotation, about="a new host by itself")

    def document(self) -> dict[str, Any]:
        """Return the specification with every default filled in, as JSON types."""
        document: dict[str, Any] = plain(self)
        return document

    @property
    def host(self) -> str | None:
        """The public DNS name, or None when the endpoint is an IP address."""
        return f"{self.dns.subdomain}.{self.dns.domain}" if self.dns.domain else None

    @property
    def is_open(self) -> bool:
        """Whether anyone may ask, our own probe from outside included."""
        filters = any(rule.allow or rule.deny for rule in self.gateway.filters)
        return self.network.is_open and not filters

    @property
    def wake_host(self) -> str | None:
        """The public name where requests to it wake the deployment, else None."""
        sleeps = self.sleep.after_idle_minutes is not None and self.sleep.by_name
        return self.host if sleeps else None

    def endpoint(self, address: str) -> str:
        """Return the public origin: by name when there is one, else by IPv4 address."""
        return f"https://{self.host or ipaddress.IPv4Address(address)}"

    @property
    def engine_kind(self) -> str:
        """What the engine runs on: gpu, cpu, or none when there is no engine."""
        if self.instance.gpu:
            return "gpu"
        return "cpu" if self.engine.on_cpu else "none"
