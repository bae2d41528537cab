"""The agent's settings, as a test needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host.agent.settings import Settings
from host.gateway.document import View
from host.probes.chain import Chain

NOWHERE = "http://127.0.0.1:1"


def settings_with(**changed: Any) -> Settings:
    values: dict[str, Any] = {
        "deployment": "demo",
        "region": "eu-central-1",
        "event_bus": "lamplighter",
        "api_key_parameter": "/lamplighter/demo/api-key",
        "keys_path": "/lamplighter/demo/keys",
        "gateway_settings": "123456789012/lamplighter-demo/gateway/0.json",
        "gateway": View(),
        "metrics_namespace": "Lamplighter/demo",
        "report_seconds": 30.0,
        "chain": Chain("org/model", NOWHERE, NOWHERE, None),
        "instance_id": "i-1",
        "phase_file": Path("/absent"),
        "units": (),
        "release": "0.1.0",
    }
    return Settings(**{**values, **changed})
