"""How long it takes until a deployment serves: as its last host took, else an estimate."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orchestrator.capacity.fit import GIB
from orchestrator.capacity.model import Model
from orchestrator.ledger.store import Ledger
from orchestrator.preflight.check import Check
from orchestrator.spec.deployment import Deployment

# Assumed, not measured on AWS: a slow network, and images as they are in 2026.
_BUILD_SECONDS = 300
_MACHINE_SECONDS = 180
_ENGINE_IMAGE_GIB = 12
_GIB_PER_SECOND = 0.116  # 1 Gbit/s
_LOAD_SECONDS = 60
_LOADED_GIB_PER_SECOND = 0.5


def expected(deployment: Deployment, ledger: Ledger, model: Model | Check | None) -> dict[str, Any]:
    """Return {"seconds", "source"}; a change of the model makes the last host's time a guess."""
    for host in reversed(ledger.hosts()):
        if host.launched_at and host.served_at:
            took = datetime.fromisoformat(host.served_at) - datetime.fromisoformat(host.launched_at)
            source = f"as the host of generation {host.generation} took"
            return {"seconds": round(took.total_seconds()), "source": source}
    parts = {"the machine": float(_MACHINE_SECONDS)}
    image = ledger.resource("image")
    if image is None or "uri" not in image.facts:
        parts["the build of the gateway's image"] = _BUILD_SECONDS
    if deployment.engine_kind != "none":
        parts["the engine's image"] = _ENGINE_IMAGE_GIB / _GIB_PER_SECOND
    if isinstance(model, Model):
        gib = model.weight_bytes / GIB
        parts[f"{gib:.1f} GiB of weights"] = gib / _GIB_PER_SECOND
        parts["loading them"] = _LOAD_SECONDS + gib / _LOADED_GIB_PER_SECOND
    missing = ", without weights of unknown size" if isinstance(model, Check) else ""
    listed = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in parts.items())
    source = f"an estimate at 1 Gbit/s: {listed}{missing}"
    return {"seconds": round(sum(parts.values())), "source": source}
