"""The agent's settings, as a test needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host.agent.settings import Settings


def told(**changed: Any) -> Settings:
    values: dict[str, Any] = {
        "deployment": "demo",
        "region": "eu-central-1",
        "event_bus": "lamplighter",
        "model": "org/model",
        "api_key_parameter": "/lamplighter/demo/api-key",
        "keys_path": "/lamplighter/demo/keys",
        "metrics_namespace": "Lamplighter",
        "report_seconds": 30.0,
        "gateway_url": "http://127.0.0.1:1",
        "engine_url": "http://127.0.0.1:1",
        "front_url": None,
        "instance_id": "i-1",
        "phase_file": Path("/absent"),
        "units": (),
    }
    return Settings(**{**values, **changed})
