"""Where the parts of this host answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chain:
    """Origins. engine: None for a deployment without one; nginx: None where none runs (twin)."""

    model: str
    engine: str | None
    gateway: str
    nginx: str | None


def load(values: Mapping[str, str], environ: Mapping[str, str]) -> Chain:
    """values: deployment.env; environ: *_URL replaces an origin. Raise KeyError for a setting."""
    has_engine = values["ENGINE"] != "none"  # on a GPU or without
    engine = f"http://127.0.0.1:{values['VLLM_PORT']}" if has_engine else None
    return Chain(
        model=values["MODEL"],
        engine=environ.get("ENGINE_URL") or engine,
        gateway=environ.get("GATEWAY_URL") or f"http://127.0.0.1:{values['GATEWAY_PORT']}",
        nginx=environ.get("FRONT_URL") or None,
    )
