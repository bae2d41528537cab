"""Where two specifications differ, and how each difference is made on a deployment that serves.

HOWS has every key; a new one needs a line there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class How(StrEnum):
    IN_PLACE = "in place"  # no host is touched
    NEW_GENERATION = "new generation"  # by a new host beside the one that serves
    REFUSED = "refused"  # another deployment has to have it


@dataclass(frozen=True, slots=True)
class Difference:
    """key: its path, e.g. engine.image. old, new: values as JSON. why: a sentence."""

    key: str
    old: Any
    new: Any
    how: How
    why: str

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "how": str(self.how)}


_OTHER = "set up a second deployment under another name, move its clients, then take this one down"
_HOST = "the host reads it at its launch"
_MACHINE = "it decides which machine is launched"
_ENGINE = "the engine starts with it"
_GATEWAY = "the gateway starts with it"
_READ = "the gateway of a running host takes it over within a minute"
_TIMES = "the times at which it is started and stopped are changed"
_LOOK = "the next look at it goes by it"
_JUDGED = "new hosts are judged by it, that of this change too"
_SEARCH = "the next search for capacity goes by it"
_NAME = f"clients and the certificate know the name: {_OTHER}"
_LAYOUT = f"the ranges of the network are laid out once: {_OTHER}"

HOWS: Mapping[str, tuple[How, str]] = {
    "name": (How.REFUSED, f"it names every resource: {_OTHER}"),
    "model": (How.NEW_GENERATION, _ENGINE),
    "on_failure": (How.IN_PLACE, "it concerns a first provision only"),
    "expires_after": (How.IN_PLACE, "it concerns no resource"),
    "email": (How.NEW_GENERATION, _HOST),
    "tags": (How.IN_PLACE, "what is made from now on gets them; `rotate` makes another host"),
    "dns.domain": (How.REFUSED, _NAME),
    "dns.subdomain": (How.REFUSED, _NAME),
    "dns.zone_id": (How.REFUSED, f"the name would move to another zone: {_OTHER}"),
    "dns.ttl_seconds": (How.IN_PLACE, "the record is written again"),
    "network.cidr": (How.REFUSED, _LAYOUT),
    "network.zones": (How.REFUSED, _LAYOUT),
    "network.nat": (How.REFUSED, f"the network is made with its way out or without: {_OTHER}"),
    "network.allowed_cidrs": (How.IN_PLACE, "the firewall's rules are changed"),
    "instance.gpu": (How.NEW_GENERATION, _MACHINE),
    "instance.type": (How.NEW_GENERATION, _MACHINE),
    "instance.types": (How.NEW_GENERATION, _MACHINE),
    "instance.zones": (How.NEW_GENERATION, _MACHINE),
    "instance.ami": (How.NEW_GENERATION, _MACHINE),
    "instance.ubuntu": (How.NEW_GENERATION, _MACHINE),
    "instance.market": (How.NEW_GENERATION, _MACHINE),
    "instance.capacity_reservation": (How.NEW_GENERATION, _MACHINE),
    "instance.wait_minutes": (How.IN_PLACE, _SEARCH),
    "instance.repair_wait_hours": (How.IN_PLACE, _SEARCH),
    "instance.root_volume_gib": (How.NEW_GENERATION, _MACHINE),
    "engine.on_cpu": (How.NEW_GENERATION, _ENGINE),
    "engine.image": (How.NEW_GENERATION, _ENGINE),
    "engine.max_model_len": (How.NEW_GENERATION, _ENGINE),
    "engine.gpu_memory_utilization": (How.NEW_GENERATION, _ENGINE),
    "engine.tensor_parallel_size": (How.NEW_GENERATION, _ENGINE),
    "engine.pipeline_parallel_size": (How.NEW_GENERATION, _ENGINE),
    "engine.tool_call_parser": (How.NEW_GENERATION, _ENGINE),
    "engine.port": (How.NEW_GENERATION, _ENGINE),
    "engine.hf_token_parameter": (How.NEW_GENERATION, _ENGINE),
    "engine.arguments": (How.NEW_GENERATION, _ENGINE),
    "gateway.port": (How.NEW_GENERATION, _GATEWAY),
    "gateway.default_timeout_seconds": (How.NEW_GENERATION, _GATEWAY),
    "gateway.max_timeout_seconds": (How.NEW_GENERATION, _GATEWAY),
    "gateway.requests_per_minute_per_address": (How.NEW_GENERATION, _GATEWAY),
    "gateway.aliases": (How.IN_PLACE, _READ),
    "gateway.fallbacks": (How.IN_PLACE, _READ),
    "gateway.key_limits": (How.IN_PLACE, _READ),
    "gateway.jwt": (How.IN_PLACE, _READ),
    "gateway.filters": (How.IN_PLACE, _READ),
    "gateway.cors_origins": (How.IN_PLACE, _READ),
    "gateway.allow_fields": (How.IN_PLACE, _READ),
    "gateway.media_hosts": (How.IN_PLACE, _READ),
    "gateway.cache_salt": (How.IN_PLACE, _READ),
    "gateway.heartbeats": (How.IN_PLACE, _READ),
    "gateway.keepalive_seconds": (How.IN_PLACE, _READ),
    "gateway.wait_seconds": (How.IN_PLACE, _READ),
    "gateway.queue_length": (How.IN_PLACE, _READ),
    "gateway.queue_seconds": (How.IN_PLACE, _READ),
    "gateway.max_output_tokens": (How.IN_PLACE, _READ),
    "gateway.max_choices": (How.IN_PLACE, _READ),
    "gateway.max_prompts": (How.IN_PLACE, _READ),
    "gateway.reserve_tokens": (How.IN_PLACE, _READ),
    "gateway.count_usage": (How.IN_PLACE, _READ),
    "gateway.docs": (How.NEW_GENERATION, _GATEWAY),
    "gateway.otlp_endpoint": (How.NEW_GENERATION, _GATEWAY),
    "certificate.challenge": (How.NEW_GENERATION, _HOST),
    "certificate.directory": (How.NEW_GENERATION, _HOST),
    "certificate.own_parameter": (How.NEW_GENERATION, _HOST),
    "budget.monthly_usd": (How.IN_PLACE, "it concerns no resource"),
    "budget.at_limit": (How.IN_PLACE, "it concerns no resource"),
    "sleep.after_idle_minutes": (How.IN_PLACE, _LOOK),
    "sleep.by_name": (How.IN_PLACE, "certificate and domain name are made or removed"),
    "update.strategy": (How.IN_PLACE, "the next change goes by it, this one too"),
    "canary.prompts": (How.IN_PLACE, _JUDGED),
    "canary.max_error_percent": (How.IN_PLACE, _JUDGED),
    "schedule.time_zone": (How.IN_PLACE, _TIMES),
    "schedule.on": (How.IN_PLACE, _TIMES),
    "rotation.every_days": (How.IN_PLACE, _LOOK),
    "rotation.time_zone": (How.IN_PLACE, _LOOK),
    "rotation.on": (How.IN_PLACE, _LOOK),
}
# What the hosts share and a change must not move before its own host serves.
_SHARED = ("network", "allowed_cidrs")


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Return where two specifications, every default filled in, differ: in the order of HOWS.

    A key that this version does not know, of another version's document, needs a new generation.
    """
    return [
        Difference(path, _at(old, path), _at(new, path), *how_of(path))
        for path in _paths(old, new)
        if _at(old, path) != _at(new, path)
    ]


def how_of(path: str) -> tuple[How, str]:
    return HOWS.get(path, (How.NEW_GENERATION, "another version of Lamplighter wrote it"))


def until_promoted(serving: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what is wanted, with what its hosts share as it is for the one that serves."""
    section, key = _SHARED
    shared = serving.get(section, {}).get(key)
    return wanted if shared is None else {**wanted, section: {**wanted[section], key: shared}}


def digest(document: Mapping[str, Any]) -> str:
    """Return what is the same for two specifications that one host can serve: 64 bits, in hex."""
    decisive = {
        path: _at(document, path)
        for path in _paths(document)
        if how_of(path)[0] is not How.IN_PLACE
    }
    text = json.dumps(decisive, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _paths(*documents: Mapping[str, Any]) -> list[str]:
    """Return the path of every key: those of HOWS in its order, then others."""
    found = {path for document in documents for path in _keys(document)}
    return [*(path for path in HOWS if path in found), *sorted(found - HOWS.keys())]


def _keys(document: Mapping[str, Any]) -> list[str]:
    sections = {name for path in HOWS for name, dot, _ in [path.partition(".")] if dot}
    return [
        path
        for name, value in document.items()
        for path in (
            [f"{name}.{key}" for key in value]
            if name in sections and isinstance(value, Mapping)
            else [name]
        )
    ]


def _at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
