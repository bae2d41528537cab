"""Where a public endpoint is found on this machine: only the local twin has such a place.

The twin writes a JSON file {"https://infer.demo.test": "http://127.0.0.1:40001", ...} and names it
in LAMPLIGHTER_ORIGINS; on AWS there is no file, and an endpoint is its own origin.
"""

from __future__ import annotations

import json
from pathlib import Path

VARIABLE = "LAMPLIGHTER_ORIGINS"


def here(endpoint: str, file: str | None) -> str:
    """Return the origin that reaches this endpoint from here: itself, unless the twin maps it."""
    return _read(file).get(endpoint, endpoint)


def _read(file: str | None) -> dict[str, str]:
    if not file or not Path(file).exists():
        return {}
    origins: dict[str, str] = json.loads(Path(file).read_text(encoding="utf-8"))
    return origins
