"""Who may ask the gateway under test: its keys file, in the gateway's own format."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s" * 43
KEY = f"sk-alice-{SECRET}"
HASTY = f"sk-hasty-{SECRET}"  # 120 requests a minute: one is free again after half a second
SLOW = f"sk-slow-{SECRET}"  # one request a minute
NARROW = f"sk-narrow-{SECRET}"  # may use one model only


def write(path: Path) -> None:
    entries = [
        entry(KEY),
        entry(HASTY, requests_per_minute=120),
        entry(SLOW, requests_per_minute=1),
        entry(NARROW, models=["org/large"]),
    ]
    path.write_text(json.dumps({"keys": entries}))


def entry(key: str, **limits: Any) -> dict[str, Any]:
    salt = hashlib.sha256(key.encode()).digest()[:16]
    return {
        "id": key.split("-")[1],
        "salt": salt.hex(),
        "sha256": hashlib.sha256(salt + key.encode()).hexdigest(),
        "not_before": None, "expires": None, "models": None, "priority": "standard",
        "requests_per_minute": None, "tokens_per_minute": None, "concurrency": None,
        "tokens_per_day": None,
    } | limits  # fmt: skip
