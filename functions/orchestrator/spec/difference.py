"""Where two specifications differ."""

from __future__ import annotations

from typing import Any


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Return the paths at which two specifications differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(set(old) | set(new))
        nested = [
            differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
            for key in keys
        ]
        return [found for some in nested for found in some]
    return [] if old == new else [path]
