"""From `gateway` in the specification to the settings that the gateway reads on its host."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from contracts import gateway
from host.gateway.document import View
from host.gateway.settings_file import SettingsFile
from orchestrator.launch import gateway_settings
from orchestrator.spec.difference import How, how_of
from orchestrator.spec.gateway.fields import RESTRICTED
from orchestrator.spec.parsing import parse

# Settings that no specification reaches, and who decides them on a deployment.
THE_HOSTS = {
    "backends": "its engine, and the fallbacks",
    "backend_key_file": "each fallback has its own",
    "balancing": "one engine",
    "engine_enabled": "instance.gpu and engine.on_cpu",
    "keys_file": "the agent writes it",
    "usage_file": "the host's disk",
    "eta_file": "the agent writes it",
    "trusted_proxies": "its nginx",
    "default_timeout": "gateway.default_timeout_seconds, which nginx has too",
    "max_timeout": "gateway.max_timeout_seconds, which nginx has too",
    "max_body": "nginx has the same limit",
    "max_bodies": "the unit's limit of memory",
    "max_key_bodies": "the unit's limit of memory",
    "header_seconds": "nginx has its own",
    "idle_seconds": "nginx keeps the clients' connections",
    "upload_seconds": "bodies come through nginx",
    "upload_grace_seconds": "bodies come through nginx",
    "upload_rate": "bodies come through nginx",
    "max_depth": "the work for a body",
    "failovers": "the fallbacks, each once",
    "probe_seconds": "the agent relies on it",
}
EVERYTHING: dict[str, Any] = {
    "aliases": {"gpt-4o": "own"},
    "fallbacks": [
        {"url": "https://llm.example.com/v1", "model": "theirs", "key_parameter": "/inference/key",
         "headers": {"x-team": "blue"}},
        {"url": "https://second.example.com"},
    ],
    "key_limits": {"requests_per_minute": 60, "tokens_per_minute": 10_000, "concurrency": 4,
                   "tokens_per_day": 1_000_000},
    "jwt": {"issuer": "https://login.example.com/", "audience": "llm",
            "jwks_url": "https://login.example.com/keys", "algorithms": ["EdDSA"],
            "id_claim": "email", "models_claim": "models", "priority_claim": "class",
            "priority": "batch", "requests_per_minute": 1, "tokens_per_minute": 2,
            "concurrency": 3, "tokens_per_day": 4, "leeway_seconds": 1, "refresh_seconds": 60},
    "filters": [{"name": "r", "paths": ["/v1/*"], "methods": ["POST"], "allow": ["10.0.0.0/8"],
                 "deny": ["2001:db8::/32"], "max_size": 100, "headers": {"user-agent": "curl"},
                 "body": r"(?i)secret\s+\pL{2,10}"}],
    "cors_origins": ["https://chat.example.com"],
    "allow_fields": list(RESTRICTED),
    "media_hosts": [".example.com", "*"],
    "cache_salt": True,
    "heartbeats": True,
    "keepalive_seconds": 5,
    "wait_seconds": 60,
    "queue_length": 1,
    "queue_seconds": 2,
    "max_output_tokens": 3,
    "max_choices": 4,
    "max_prompts": 5,
    "reserve_tokens": 6,
    "count_usage": False,
    "docs": False,
    "otlp_endpoint": "http://otel.internal:4318/v1/traces",
}  # fmt: skip


class Aws:
    """A bucket with the document that a specification makes, and the keys of its fallbacks."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def get_object(self, **_: str) -> Any:
        return {"Body": io.BytesIO(self._content), "ETag": "1"}

    def get_parameter(self, **_: Any) -> Any:
        return {"Parameter": {"Value": "sk-theirs"}}


def on_a_host(folder: Path, **section: Any) -> Any:
    """Return what the gateway of a host of this specification reads, as the gateway's own."""
    deployment = parse({"name": "prod", "model": "own", "gateway": section})
    aws, file = Aws(gateway_settings.document(deployment)), folder / "settings.json"
    assert SettingsFile(aws, aws, "1/b/k", file, View(folder=folder)).sync()
    return gateway.settings(file)


def test_every_setting_is_reached_or_the_hosts_own(tmp_path: Path) -> None:
    usual, changed = on_a_host(tmp_path), on_a_host(tmp_path, **EVERYTHING)
    reached = {name for name in gateway.SETTINGS if getattr(usual, name) != getattr(changed, name)}

    assert reached | THE_HOSTS.keys() == set(gateway.SETTINGS)
    assert reached & THE_HOSTS.keys() == {"backends"}


def test_the_defaults_are_the_gateways_own(tmp_path: Path) -> None:
    usual, bare = on_a_host(tmp_path), gateway.settings(None)

    different = {name for name in gateway.SETTINGS if getattr(usual, name) != getattr(bare, name)}

    assert different == {"backends"}


@pytest.mark.parametrize(
    ("key", "name"), [("max_choices", "max_n"), ("wait_seconds", "backend_wait_seconds")]
)
def test_what_has_another_name_there_has_its_value(tmp_path: Path, key: str, name: str) -> None:
    assert getattr(on_a_host(tmp_path, **{key: 7}), name) == 7


def test_each_part_of_a_section_is_reached(tmp_path: Path) -> None:
    found = on_a_host(tmp_path, **EVERYTHING)

    for part in ("jwt", "key_limits"):
        for name, value in EVERYTHING[part].items():
            given = getattr(getattr(found, part), name)
            assert given == (tuple(value) if isinstance(value, list) else value), name
    [rule] = found.filters
    for name, value in EVERYTHING["filters"][0].items():
        assert getattr(rule, name) == (tuple(value) if isinstance(value, list) else value), name
    _, first, second = found.backends
    assert first.url == "https://llm.example.com"
    assert (first.fallback, first.models, first.names) == (True, ("own",), {"own": "theirs"})
    assert first.api_key_file.read_text() == "sk-theirs\n"
    assert (first.headers, second.names, second.api_key_file) == ({"x-team": "blue"}, {}, None)


def test_the_fields_that_may_be_allowed_are_those_that_the_gateway_refuses() -> None:
    assert set(RESTRICTED) == gateway.RESTRICTED


def test_only_what_the_gateway_reads_while_it_runs_is_changed_in_place() -> None:
    """A setting that needs a restart makes a new host."""
    names = {"max_n": "max_choices", "backend_wait_seconds": "wait_seconds"}
    for name in set(gateway.RESTARTED) - THE_HOSTS.keys():
        assert how_of(f"gateway.{names.get(name, name)}")[0] is How.NEW_GENERATION, name
